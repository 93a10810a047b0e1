"""Whether a download can begin: the libraries that do it try for minutes before they give up."""

from __future__ import annotations

import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable
from urllib.parse import urlsplit

SECONDS = 5.0  # that a host may take to answer
HOSTS = 3  # of a long list, those that are asked


def unreachable(urls: Iterable[str]) -> str | None:
    """Return the first host of the addresses if none of them answers; None if one does.

    All are asked at once, through the proxy of the environment. Any answer will do.
    """
    parts = [urlsplit(url) for url in urls if url.startswith("http")]
    hosts = list(dict.fromkeys(f"{part.scheme}://{part.netloc}" for part in parts))[:HOSTS]
    answered = threading.Event()

    def ask(host: str) -> None:
        if _answers(host):
            answered.set()

    # A name server that is silent keeps no time limit, so a thread is left behind.
    threads = [threading.Thread(target=ask, args=(host,), daemon=True) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    return None if answered.is_set() or not hosts else urlsplit(hosts[0]).netloc


def _answers(host: str) -> bool:
    try:
        urllib.request.urlopen(urllib.request.Request(host, method="HEAD"), timeout=SECONDS).close()
    except urllib.error.HTTPError:
        return True
    except urllib.error.URLError as error:
        return isinstance(error.reason, ssl.SSLError)
    except (OSError, ValueError):
        return False
    return True
