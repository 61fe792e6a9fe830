"""One schema on two databases: SQLite by default, PostgreSQL when one machine is not enough.

`tables` says what is kept, `database` opens it.  Everything the machine remembers is here; everything a person decides is
in the publication's files.
"""
