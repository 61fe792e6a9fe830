"""One message, composed beforehand, to many with `smtplib` in threads: a connection each, kept.

    python smtplib_threads.py FOLDER HOST PORT COUNT THREADS

Nothing is composed here, so this is the least that a sender on top of `smtplib` can take.
"""

from __future__ import annotations

import smtplib
import sys
from pathlib import Path
from threading import Thread

from links import read_people


def send(addresses: list[str], message: bytes, host: str, port: int, done: list[int]) -> None:
    """All of `addresses` over one connection."""
    with smtplib.SMTP(host, port, local_hostname="localhost") as connection:
        for address in addresses:
            connection.sendmail("letter@example.com", [address], message)
    done.append(len(addresses))


def main() -> None:
    """Share the recipients out among the threads."""
    folder, host = Path(sys.argv[1]), sys.argv[2]
    port, count, threads = map(int, sys.argv[3:])
    message = (folder / "letter.eml").read_bytes()
    addresses = [address for address, _ in read_people(folder, count)]
    done: list[int] = []
    workers = [
        Thread(target=send, args=(addresses[first::threads], message, host, port, done))
        for first in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if sum(done) != count:
        sys.exit(f"{sum(done)} of {count} were sent")


if __name__ == "__main__":
    main()
