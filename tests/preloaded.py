"""New Python processes in which TensorFlow is loaded already.

Loading it takes six seconds of CPU time, far more than most programs of tests. Each process is
forked from a server that imports and does nothing else, so it is as new as one from the shell.
"""

import atexit
import multiprocessing
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

MODULES = ["tensorflow", "keras"]
LONGEST = 300  # seconds; a process that hangs is killed and fails its test

AS_TRACED = "TFAPPS_TEST_GRAPHS_AS_TRACED"  # environment variable: see `run_graphs_as_traced`

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(MODULES)


def python(program, *arguments, cwd=None, env=None, stdin=""):
    """Run a program in a new process, as `python -c` does; returns the completed process."""
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder, name)) for name in ("stdin", "stdout", "stderr")]
        for file, text in zip(files, (stdin, "", ""), strict=True):
            Path(file).write_text(text, encoding="utf-8")
        environment = dict(os.environ if env is None else env)
        place = os.fspath(cwd or os.getcwd())
        call = (program, [os.fspath(word) for word in arguments], place, environment, files)
        process = _context.Process(target=_run, args=call)
        process.start()
        process.join(LONGEST)
        if process.is_alive():
            process.kill()
            process.join()
        out, error = (Path(file).read_text(encoding="utf-8") for file in files[1:])
        return subprocess.CompletedProcess(arguments, process.exitcode, out, error)


def run_graphs_as_traced():
    """Keep TensorFlow from optimizing graphs, if the environment asks for it.

    Of a graph that runs for two steps, that takes a fifth of the time; values differ by rounding.
    """
    if AS_TRACED in os.environ and "tensorflow" in sys.modules:
        options = {"disable_meta_optimizer": True}
        sys.modules["tensorflow"].config.optimizer.set_experimental_options(options)


def _run(program, arguments, cwd, environment, files):
    """In the child: be a process of its own, run the program and exit with its status."""
    for number, path in enumerate(files):
        file = os.open(path, os.O_WRONLY if number else os.O_RDONLY)
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for all of the process
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = ["-c", *arguments]
    sys.path[:] = [*environment.get("PYTHONPATH", "").split(os.pathsep), *sys.path]
    run_graphs_as_traced()
    status = _status(program)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(status)


def _status(program):
    try:
        exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        print(stop.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0
