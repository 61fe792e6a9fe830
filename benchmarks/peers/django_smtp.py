"""The letter of the benchmark with Django: its templates, and its SMTP backend in batches of 100.

    python django_smtp.py FOLDER HOST PORT COUNT

The backend opens a connection for each batch.
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import django  # type: ignore[import-not-found,unused-ignore]
from django.conf import settings  # type: ignore[import-not-found,unused-ignore]
from django.core.mail import (  # type: ignore[import-not-found,unused-ignore]
    EmailMultiAlternatives,
    get_connection,
)
from django.template import Context, Engine  # type: ignore[import-not-found,unused-ignore]
from links import read_people

BATCH = 100


def main() -> None:
    """Render and send."""
    folder, host, port, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    settings.configure(
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend", EMAIL_HOST=host, EMAIL_PORT=port
    )
    django.setup()
    html = Engine(autoescape=True).from_string((folder / "letter.html").read_text("utf-8"))
    text = Engine(autoescape=False).from_string((folder / "letter.txt").read_text("utf-8"))
    connection = get_connection()
    people = read_people(folder, count)
    sent = 0
    while batch := list(islice(people, BATCH)):
        messages = []
        for address, values in batch:
            message = EmailMultiAlternatives(
                subject="The tide table",
                body=text.render(Context(values)),
                from_email="Tidewater <letter@example.com>",
                to=[address],
                headers={
                    "List-Unsubscribe": f"<{values['unsubscribe_url']}>",
                    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                },
            )
            message.attach_alternative(html.render(Context(values)), "text/html")
            messages.append(message)
        sent += connection.send_messages(messages)
    if sent != count:
        sys.exit(f"{sent} of {count} were sent")


if __name__ == "__main__":
    main()
