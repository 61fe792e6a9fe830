"""One schema on two databases: SQLite by default, PostgreSQL when one machine is not enough.

`tables` says what is kept, `database` opens it.  Everything the machine remembers is here; everything a person decides is
in the publication's files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

#: The schema's revision that this code reads and writes; `migrations` leads to it from every released one.
REVISION = "0001"
#: How long a transaction waits for another before it gives up, in seconds.
WAIT_SECONDS = 30
#: What asks a database: SQL with ? for values, and these; the rows come as they are read.
Ask = Callable[[str, Sequence[object]], Iterator[Any]]
