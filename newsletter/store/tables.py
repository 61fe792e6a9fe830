"""The schema: what is kept of subscribers, of consent, of campaigns and of deliveries.  The same on both databases.

    subscriber --< subscriber_tag >-- tag          delivery: one subscriber's part in a campaign, clustered by the two
        |--< history >-- consent                   attempt:  opened and not settled: on the wire, or in doubt
    suppression (keyed hashes)                     retry:    put off until a time
    campaign --< delivery, attempt, retry, reply   reply:    what a server said, where it was not a plain yes

Times are whole seconds since 1970, in UTC.  States and standings are small numbers, and their names are in the modules that
own them (`sending.delivery`, `subscribers.subscriber`).  A delivery's row is written when it is planned and when it is
settled; that it is under way says a row in `attempt`, so a crash leaves exactly the deliveries in doubt there, by name,
without a look at the millions that are done.

Pure: tables, no connection.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
)

from newsletter.store import REVISION as REVISION

metadata = MetaData()


def _clustered(name: str, *columns: Column[object] | Index) -> Table:
    """A table that is stored in the order of its primary key (SQLite: WITHOUT ROWID)."""
    return Table(name, metadata, *columns, sqlite_with_rowid=False)


#: The schema's revision, one row, kept by the migrations: of a name that no other program's Alembic uses.
schema_revision = Table(
    "schema_revision",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="schema_revision_pkc"),
)
#: Facts about the database itself: `uuid`, `created_at`, and those of `subscribers.suppression`.
meta = _clustered("meta", Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

subscriber = Table(
    "subscriber",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("email", Text),  # as it is mailed; null after erasure
    Column("email_key", Text, unique=True),  # Address.key; null after erasure
    Column("domain", Text, nullable=False, server_default=""),
    Column("name", Text, nullable=False, server_default=""),
    Column("language", Text, nullable=False, server_default=""),
    Column("time_zone", Text, nullable=False, server_default=""),
    Column(
        "attributes", Text, nullable=False, server_default="{}"
    ),  # a JSON object of texts, numbers, booleans
    Column("standing", SmallInteger, nullable=False),
    Column("suppressed", SmallInteger, nullable=False, server_default="0"),  # 1: the address or its domain is
    Column("generation", SmallInteger, nullable=False, server_default="0"),  # of the tokens in its links
    Column("joined_at", Integer, nullable=False),
    Column("changed_at", Integer, nullable=False),
)
# All that a plan counts by, so that it does not read the rows.
Index("subscriber_by_domain", subscriber.c.domain, subscriber.c.standing, subscriber.c.suppressed)
Index("subscriber_by_language", subscriber.c.language, subscriber.c.standing)
Index("subscriber_by_joined", subscriber.c.joined_at, subscriber.c.standing)

tag = Table(
    "tag",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)
subscriber_tag = _clustered(
    "subscriber_tag",
    Column("tag_id", Integer, ForeignKey("tag.id"), primary_key=True),
    Column("subscriber_id", Integer, ForeignKey("subscriber.id"), primary_key=True),
)
Index("subscriber_tag_by_subscriber", subscriber_tag.c.subscriber_id)

#: How people agreed: the same words shown at the same place are one row.
consent = Table(
    "consent",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("how", Text, nullable=False),  # "import", "form", "api", "by hand"
    Column("source", Text, nullable=False),  # where from: a file, a page, an address
    Column("words", Text, nullable=False),  # what the person was shown, or what the importer declared
    Column("digest", LargeBinary, nullable=False, unique=True),  # SHA-256 of the three
)
#: What happened to a subscriber, one row an act, never changed: number 1, 2, 3 ...
history = _clustered(
    "history",
    Column("subscriber_id", Integer, ForeignKey("subscriber.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", Integer, nullable=False),
    Column("act", SmallInteger, nullable=False),
    Column("consent_id", Integer, ForeignKey("consent.id")),
    Column("note", Text, nullable=False, server_default=""),
)
#: Who is never to be mailed: HMAC-SHA256 of an address's key, or of a domain, under the publication's own key.
suppression = _clustered(
    "suppression",
    Column("hash", LargeBinary, primary_key=True),
    Column("is_domain", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Integer, nullable=False),
)

campaign = Table(
    "campaign",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("issue_id", Text, nullable=False, index=True),
    Column("digest", Text, nullable=False),  # of the email
    Column("subject", Text, nullable=False),
    Column("segment", Text, nullable=False),  # the expression, as it was written
    Column("again", Text, nullable=False, server_default=""),  # why people get the issue a second time
    Column("state", SmallInteger, nullable=False),
    Column("planned_at", Integer, nullable=False),
    Column(
        "planned_to", Integer, nullable=False, server_default="0"
    ),  # the audience is frozen up to this subscriber
    Column("not_before", Integer, nullable=False, server_default="0"),
    Column("not_after", Integer, nullable=False, server_default="0"),
    Column("local_time", SmallInteger, nullable=False, server_default="0"),
    Column("outbox", SmallInteger, nullable=False, server_default="0"),  # written out, not through relays
    Column("started_at", Integer),
    Column("finished_at", Integer),
    Column("stopped", Text, nullable=False, server_default=""),  # why a rule stopped it
    # Who sends it: a token that only this sender knows, until when, and its name for people (pid, host).
    Column("session", Text, nullable=False, server_default=""),
    Column("lease_until", Integer, nullable=False, server_default="0"),
    Column("owner", Text, nullable=False, server_default=""),
    # Counts, moved in the transactions that move the deliveries; they add up to `audience`.
    Column("audience", Integer, nullable=False, server_default="0"),
    Column("accepted", Integer, nullable=False, server_default="0"),
    Column("refused", Integer, nullable=False, server_default="0"),
    Column("withheld", Integer, nullable=False, server_default="0"),
    Column(
        "deferred", Integer, nullable=False, server_default="0"
    ),  # of those still planned: put off at least once
)
#: The email of a campaign as it was frozen, one row a variant; what is sent later is what was planned.
campaign_email = _clustered(
    "campaign_email",
    Column("campaign_id", Integer, ForeignKey("campaign.id"), primary_key=True),
    Column("variant", SmallInteger, primary_key=True),
    Column("segments", Text, nullable=False),  # the audiences of this variant, a JSON list
    Column("content", LargeBinary, nullable=False),
)
delivery = _clustered(
    "delivery",
    Column("campaign_id", Integer, ForeignKey("campaign.id"), primary_key=True),
    Column("subscriber_id", Integer, primary_key=True),  # no foreign key: a row stays when a person is erased
    Column("state", SmallInteger, nullable=False, server_default="0"),
    Column("variant", SmallInteger, nullable=False, server_default="0"),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    Column("relay", SmallInteger, nullable=False, server_default="0"),
    Column(
        "at", Integer, nullable=False, server_default="0"
    ),  # planned, first tried, settled: the last of these
)
attempt = _clustered(
    "attempt",
    Column("campaign_id", Integer, ForeignKey("campaign.id"), primary_key=True),
    Column("subscriber_id", Integer, primary_key=True),
    Column("at", Integer, nullable=False),
    Column("session", Text, nullable=False),
)
retry = _clustered(
    "retry",
    Column("campaign_id", Integer, ForeignKey("campaign.id"), primary_key=True),
    Column("not_before", Integer, primary_key=True),
    Column("subscriber_id", Integer, primary_key=True),
)
reply = Table(
    "reply",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("campaign_id", Integer, ForeignKey("campaign.id"), nullable=False),
    Column("subscriber_id", Integer, nullable=False),
    Column("at", Integer, nullable=False),
    Column("relay", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("text", Text, nullable=False),  # verbatim
)
Index("reply_by_delivery", reply.c.campaign_id, reply.c.subscriber_id)

#: What a relay, or a recipients' domain, has been given: so that limits survive a restart.
pace = _clustered(
    "pace",
    Column("name", Text, primary_key=True),
    Column("span_seconds", Integer, primary_key=True),  # 1, 60, 3600, 86400
    Column("begins_at", Integer, nullable=False),
    Column("count", Integer, nullable=False),
)
