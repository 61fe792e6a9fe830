"""From every released schema to this version's: one tree of Alembic revisions for both databases.

A revision is a file in `versions/`, never changed once it was released.  `database` imports this package only when a
stored revision differs from this version's, because Alembic takes longer to import than most commands to run.  All
revisions that are missing are applied in the caller's transaction, so a failure leaves the schema as it was.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

#: Where the revisions of this version are.
VERSIONS = Path(__file__).parent / "versions"


def revisions(*folders: Path) -> set[str]:
    """The revisions that are known: of this version, and of `folders`."""
    return {script.revision for script in ScriptDirectory.from_config(_config(folders)).walk_revisions()}


def upgrade(connection: Connection, *folders: Path) -> None:
    """Lead the schema to the newest revision (of this version, or of `folders`), in the transaction of `connection`."""
    config = _config(folders)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config(folders: tuple[Path, ...]) -> Config:
    config = Config()
    places = [str(place).replace("%", "%%") for place in (VERSIONS.parent, VERSIONS, *folders)]
    config.set_main_option("script_location", places[0])
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(places[1:]))
    return config
