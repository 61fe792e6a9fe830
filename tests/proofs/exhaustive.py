"""Kill a small send at every system call of a kind, one after another: nobody lost, nobody twice.

    python tests/proofs/exhaustive.py --calls fdatasync pwrite64 sendmsg recvfrom --recipients 12

strace does the killing (`inject=CALL:signal=KILL:when=N`), so the product has no hook for it.  After each kill the send goes
on to its end, and the sink's record is compared with the ledger.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from campaigns import add_people, states  # noqa: E402

from newsletter.dispatch import Dispatch  # noqa: E402
from newsletter.publication import Publication  # noqa: E402
from newsletter.sending.delivery import State  # noqa: E402
from proofs.crash import ISSUE, make_letter, open_rows, read_log, start_sink  # noqa: E402

#: The delivery alone, without planning: what is killed is the send itself.
_DELIVER = """
import sys
from newsletter.dispatch import Dispatch
from newsletter.publication import Publication
dispatch = Dispatch(Publication.open(sys.argv[1]))
sys.exit(dispatch.deliver(dispatch.campaigns()[0].id).exit_code)
"""


def kill_at(folder: Path, call: str, number: int, *, recipients: int, in_doubt: int = 4) -> bool:
    """Kill one send at the `number`th `call`, let it end, and compare; whether there was such a call.

    Raises AssertionError, if anybody is lost or has it twice.
    """
    root = folder / f"{call}-{number}"
    publication = make_letter(root, in_doubt=in_doubt, connections=1, window=4)
    add_people(publication.database, recipients)
    publication.database.close()
    log = root / "sink.log"
    sink, port = start_sink(log, "--chunking")
    (root / ".env").write_text(f"SMTP_URL=smtp://127.0.0.1:{port}\n")
    dispatch = Dispatch(Publication.open(root))
    campaign_id = dispatch.freeze(dispatch.plan())
    dispatch.database.close()
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)}
    deliver = [sys.executable, "-c", _DELIVER, str(root)]
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"]
    try:
        killed = subprocess.run(
            [*strace, "-e", f"inject={call}:signal=KILL:when={number}", *deliver],
            env=environment, capture_output=True, check=False,
        )  # fmt: skip
        was_killed = killed.returncode in (-9, 137)
        assert was_killed or killed.returncode == 0, killed.stderr.decode()
        left = open_rows(dispatch)
        assert left <= in_doubt, f"{left} in doubt"
        again = subprocess.run(deliver, env=environment, capture_output=True, check=False)
        assert again.returncode in (0, 1) or not was_killed, again.stderr.decode()
    finally:
        sink.kill()
        sink.communicate()
    taken = read_log(log)
    for subscriber, state in states(dispatch.database, campaign_id).items():
        count = taken.get(f"reader{subscriber}@example.org", 0)
        where = f"killed at {call} {number}: reader{subscriber} {state.label}, taken {count} times"
        assert state in (State.ACCEPTED, State.IN_DOUBT), where
        assert count == 1 if state is State.ACCEPTED else count <= 1, where
    dispatch.database.close()
    return was_killed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--calls", nargs="+", default=["fdatasync", "pwrite64", "sendmsg", "recvfrom"])
    parser.add_argument("--recipients", type=int, default=12)
    parser.add_argument("--most", type=int, default=400, help="of each call")
    given = parser.parse_args()
    points: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name in given.calls:
            for number in range(1, given.most + 1):
                if not kill_at(Path(temporary), name, number, recipients=given.recipients):
                    break
                points[name] = number
    print(json.dumps({"issue": ISSUE, "points": points, "lost": 0, "twice": 0}))
