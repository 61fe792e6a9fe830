#!/usr/bin/env python3
"""Set up and run this project with nothing but python3 and pip.

    python3 dev.py demo          the main job, on this machine only
    python3 dev.py test [args]   the tests (pytest's arguments pass through)
    python3 dev.py run COMMAND   any command inside the environment

The environment is .venv beside this file, made on first use and again when pyproject.toml, the lock file or
Python changed.  pip's own configuration (index, proxy, certificates) is respected.
"""

import hashlib
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
OLDEST = (3, 11)


def wanted(extra: str) -> str:
    """The fingerprint of all that the environment depends on."""
    digest = hashlib.sha256(f"{sys.version} {extra}".encode())
    for name in ("pyproject.toml", "requirements-dev.lock"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def set_up(extra: str) -> None:
    """Make the environment, with the `extra` packages too if it names some, unless it is there and current."""
    stamp = VENV / ".ready"
    if stamp.exists() and stamp.read_text() in (wanted(extra), wanted("[dev]")):
        return
    if sys.version_info < OLDEST:
        sys.exit(f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed; this is {sys.version.split()[0]}")
    print("setting up .venv (once) ...", file=sys.stderr, flush=True)
    # --without-pip also works where the distribution left ensurepip out, and pip --python where it forbids
    # installing outside an environment (PEP 668).
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "--quiet"]
    pip += ["--disable-pip-version-check", "--root-user-action", "ignore"]
    pip += ["-c", str(ROOT / "requirements-dev.lock"), "-e", f"{ROOT}{extra}"]
    if subprocess.run(pip, check=False).returncode:
        sys.exit("set-up failed: pip could not install the dependencies (its message is above)")
    stamp.write_text(wanted(extra))


def main() -> int:
    what, *rest = sys.argv[1:] or ["help"]
    commands = {
        "test": [str(PYTHON), "-m", "pytest", *rest],
        "demo": [str(PYTHON), "-m", "newsletter", "demo", *rest],
        "run": rest,
    }
    if what not in commands or (what == "run" and not rest):
        print(__doc__)
        return 0 if what in ("help", "-h", "--help") else 2
    set_up("" if what == "demo" else "[dev]")
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    return subprocess.run(commands[what], env={**os.environ, "PATH": path}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
