"""The sandbox's command line.

python -m sandbox run -- <command...>    run a command against the servers; its exit code is ours
python -m sandbox serve                  keep the servers running and print the environment
python -m sandbox advance --days 1       let days pass
python -m sandbox reset                  back to the first clock
"""

from __future__ import annotations

import argparse
import gc
import os
import shlex
import signal
import subprocess
import sys
import threading

from ingestion import config, permissions
from ingestion.config import SettingsError
from ingestion.lifeline import VARIABLE, end, lifeline
from sandbox import settings
from sandbox.books import BOOKS
from sandbox.company import Company
from sandbox.files import Files
from sandbox.running import Sandbox

# What the simulated company states about itself, unless the person who runs it states something else.
COMPANY = {"LIFECYCLE_REPORTING_CURRENCY": "EUR", "LIFECYCLE_SUBSCRIPTION_COST_RATE": "0.2"}


def _sandbox() -> Sandbox:
    folder = settings.sandbox_dir()
    state = settings.load_state(folder)
    settings.save_state(folder, state)
    return Sandbox(folder, state, settings.server_settings(), settings.faults())


def _run(command: list[str]) -> int:
    """Run `command` with the sandbox's environment. Variables that the caller set to steer the run stay."""
    with _sandbox() as sandbox:
        environment = {**COMPANY, "LIFECYCLE_SOURCES": sandbox.sources, **os.environ, **sandbox.environment}
        with lifeline() as descriptor:  # a refresh does not go on alone, without the servers that it reads
            environment[VARIABLE] = str(descriptor)
            try:
                child = subprocess.Popen(command, env=environment, pass_fds=[descriptor])
            except OSError as error:
                print(f"{command[0]}: {error.strerror}", file=sys.stderr)
                return 127
            # Ctrl-C reaches the child too: let it end in its own way, then stop the servers.
            previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
            forwarded = signal.signal(signal.SIGTERM, lambda number, frame: child.send_signal(number))
            try:
                code = child.wait()
            finally:
                signal.signal(signal.SIGINT, previous)
                signal.signal(signal.SIGTERM, forwarded)
    return code if code >= 0 else 128 - code


def _serve() -> int:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: stop.set())
    with _sandbox() as sandbox:
        for name, value in sorted(sandbox.environment.items()):
            print(f"export {name}={shlex.quote(value)}")
        print("# The servers run until Ctrl-C.", flush=True)
        stop.wait()
    return 0


def _advance(days: int) -> int:
    folder = settings.sandbox_dir()
    state = settings.load_state(folder).advanced(days)
    settings.save_state(folder, state)
    Files(folder).write(Company(state.company), state.clock)
    print(f"The sandbox's clock is at {state.now.isoformat()}.")
    return 0


def _reset() -> int:
    folder = settings.sandbox_dir()
    Files(folder).remove()
    (folder / BOOKS).unlink(missing_ok=True)
    state = settings.new_state(settings.company_settings())
    settings.save_state(folder, state)
    print(f"The sandbox's clock is at {state.now.isoformat()}.")
    return 0


def main(arguments: list[str]) -> int:
    """Run a command of the sandbox and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A simulated company.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a command against the servers")
    run.add_argument("child", nargs=argparse.REMAINDER, metavar="-- command", help="the command and its arguments")
    commands.add_parser("serve", help="keep the servers running and print the environment")
    advance = commands.add_parser("advance", help="let days pass")
    advance.add_argument("--days", type=int, default=1)
    commands.add_parser("reset", help="back to the first clock")
    asked = parser.parse_args(arguments)
    permissions.keep_to_owner(config.data_dir())
    try:
        if asked.command == "run":
            child = asked.child[1:] if asked.child[:1] == ["--"] else asked.child
            if not child:
                parser.error("run needs a command: run -- <command...>")
            return _run(child)
        if asked.command == "serve":
            return _serve()
        return _advance(asked.days) if asked.command == "advance" else _reset()
    except SettingsError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    gc.set_threshold(50_000, 20, 100)  # people stay: nothing is gained by looking for unused ones among them
    end(main(sys.argv[1:]))
