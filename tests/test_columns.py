"""Which column is what: the exports of other programs, and tables of one's own."""

from __future__ import annotations

import pytest

from newsletter.errors import UsageError
from newsletter.subscribers.columns import FIELDS, FORMATS, guess_layout

#: The headers of real exports, and what each column is taken for.
EXPORTS = {
    "Mailchimp": (
        "Email Address,First Name,Last Name,Phone Number,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,"
        "LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,"
        "UNSUB_REASON,UNSUB_REASON_OTHER,LEID,EUID,NOTES,TAGS",
        "email first_name last_name attribute:phone_number - - - joined - - - - - time_zone attribute:country "
        "attribute:region left - - - - - - attribute:notes tags",
    ),
    "listmonk": (
        "uuid,email,name,attributes,status,created_at,updated_at",
        "- email name attributes standing joined -",
    ),
    "Ghost": (
        "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers",
        "- email name attribute:note subscribed boolean:complimentary_plan - joined left tags attribute:tiers",
    ),
    "Substack": (
        "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at",
        "email boolean:paid attribute:expiry attribute:plan left joined attribute:first_payment_at",
    ),
    "Buttondown": (
        "id,email_address,creation_date,type,tags,metadata,notes,source,unsubscription_date",
        "- email joined standing tags attributes attribute:notes attribute:source left",
    ),
    "beehiiv": (
        "email,status,created_at,subscription_tier,utm_source,utm_medium,utm_campaign,acquisition_source",
        "email standing joined attribute:tier attribute:utm_source attribute:utm_medium attribute:utm_campaign "
        "attribute:acquisition_source",
    ),
    "Kit": ("first_name,email,created_at,status,tags", "first_name email joined standing tags"),
    "MailerLite": (
        "Subscriber,Name,Last name,Sent,Opens,Clicks,Subscribed,Location,Groups,Status",
        "email first_name last_name - - - joined attribute:location tags standing",
    ),
    "newsletter": (
        "email,name,standing,joined,language,time_zone,tags,attributes,suppressed,consent",
        "email name standing joined language time_zone tags attributes suppressed consent",
    ),
}
#: Tables that nobody in particular wrote.
GUESSED = {
    "E-Mail;Vorname;Nachname;Ort": "email first_name last_name attribute:ort",
    "email address,FNAME,LNAME,Favourite Colour": "email first_name last_name attribute:favourite_colour",
    "Email,Status,Date Added,Tags,": "email standing joined tags -",
    "mail,email,name,name": "email - name -",
    "name,tags,labels,email": "name tags tags email",
    "email,standing": "email standing",
    "line,reason,email,name": "- - email name",
}


def targets(headers: str, **options: object) -> str:
    layout = guess_layout(headers.replace(";", ",").split(","), **options)  # type: ignore[arg-type]
    return " ".join(map(str, layout.targets))


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_recognised_by_its_headers(name: str) -> None:
    headers, wanted = EXPORTS[name]
    assert guess_layout(headers.split(",")).format == name
    assert targets(headers) == wanted


def test_every_format_has_an_example_here() -> None:
    assert {one.name for one in FORMATS} == set(EXPORTS)


@pytest.mark.parametrize(("headers", "wanted"), GUESSED.items())
def test_other_tables_are_guessed_by_the_names_of_their_columns(headers: str, wanted: str) -> None:
    assert targets(headers) == wanted


@pytest.mark.parametrize(
    ("file_name", "standing"),
    [
        ("unsubscribed_members_export_1a2b.csv", "left"),
        ("cleaned_members_export_1a2b.csv", "bounced"),
        ("nonsubscribed_members_export.csv", "pending"),
        ("subscribed_members_export_1a2b.csv", ""),
    ],
)
def test_mailchimp_says_the_standing_by_the_name_of_the_file(file_name: str, standing: str) -> None:
    assert guess_layout(["Email Address", "LEID", "EUID"], file_name=file_name).standing == standing
    assert guess_layout(["email"], file_name=file_name).standing == ""


@pytest.mark.parametrize(
    ("maps", "wanted"),
    [
        (["Ort=attribute:city"], "email attribute:city attribute:alter"),
        (["ort = -", "ALTER=number:age"], "email - number:age"),
        (["Ort=email"], "- email attribute:alter"),
        (["Ort=tags", "Alter=tags"], "email tags tags"),
    ],
)
def test_what_is_mapped_by_hand_has_the_last_word(maps: list[str], wanted: str) -> None:
    assert targets("email,Ort,Alter", maps=maps) == wanted


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        (["Ort"], "is not COLUMN=FIELD"),
        (["Otr=name"], "there is no column 'Otr', did you mean 'Ort'?"),
        (["Ort=nmae"], "there is no field 'nmae', did you mean 'name'?"),
        (["Ort=attribute:"], "there is no field 'attribute:'"),
        (["email=name"], "no column holds the address"),
    ],
)
def test_a_map_that_means_nothing_is_refused(maps: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        targets("email,Ort", maps=maps)
    assert message in caught.value.message


def test_every_field_can_be_mapped() -> None:
    for field in FIELDS:
        assert targets("email,x", maps=[f"x={field}"]) == (
            "- email" if field == "email" else f"email {field}"
        )
