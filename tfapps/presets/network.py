"""Checks whether hosts are reachable: download libraries retry for minutes before they fail."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from urllib.parse import urlsplit

SECONDS = 5.0  # timeout of a host
HOSTS = 3  # most hosts that are tried


def unreachable(urls: Iterable[str]) -> str | None:
    """Return the first host if none of the addresses' hosts answers; None if one does.

    All are tried at once, through the proxy of the environment. Any answer counts.
    """
    parts = [urlsplit(url) for url in urls if url.startswith("http")]
    hosts = list(dict.fromkeys(f"{part.scheme}://{part.netloc}" for part in parts))[:HOSTS]
    answered = threading.Event()

    def ask(host: str) -> None:
        if _answers(host):
            answered.set()

    # A silent name server ignores the timeout, so a thread may be left running.
    threads = [threading.Thread(target=ask, args=(host,), daemon=True) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    return None if answered.is_set() or not hosts else urlsplit(hosts[0]).netloc


def _answers(host: str) -> bool:
    # Imported here: they take time, and most processes download nothing.
    import ssl
    import urllib.error
    import urllib.request

    try:
        urllib.request.urlopen(urllib.request.Request(host, method="HEAD"), timeout=SECONDS).close()
    except urllib.error.HTTPError:
        return True
    except urllib.error.URLError as error:
        return isinstance(error.reason, ssl.SSLError)
    except (OSError, ValueError):
        return False
    return True
