"""How a request (form 1, 数据使用申请表) is written down.

Owns the YAML shape of a request, the checks that need nothing but the request itself, and its way into
``extractor.requests``. It must not know the catalogue (whether a field or a level exists is the plan's question) nor the policy.
A request holds names and telephone numbers: no message of this module shows a value.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic import Field as Key

from extractor.canonical import Json
from extractor.decode import from_json
from extractor.deid.identifiers import is_uscc
from extractor.errors import ConfigurationError
from extractor.forms.faults import Fault, form_error
from extractor.forms.shape import Day, Digest, Division, Form, LongText, Text, Truth, Whole, check, mapping, wrong
from extractor.forms.source_names import ColumnName, TableName
from extractor.forms.yaml_reader import Document, parse_document, read_document
from extractor.keys import parse_recipient
from extractor.requests import (
    ApplicantKind,
    Consent,
    Contact,
    Organisation,
    OutputFormat,
    Period,
    Project,
    Purpose,
    PurposeCategory,
    Request,
    Safeguards,
    SharingMode,
    Variable,
)


def _uscc(value: str) -> str:
    if not is_uscc(value):
        raise wrong(
            "no unified social credit code: 18 characters, the last one a check character (GB 32100-2015)",
            "不是统一社会信用代码:18 位,末位为校验码(GB 32100-2015)",
        )
    return value.upper()


def _phone(value: str) -> str:
    if not re.fullmatch(r"\+?[0-9][0-9 ()-]{5,24}", value):
        raise wrong("must be a telephone number: digits, spaces, '-', '+'", "须为电话号码:数字、空格、“-”、“+”")
    return value


def _recipient(value: str) -> str:
    if "SECRET-KEY" in value.upper():
        raise wrong(
            "this is the secret half of a key; it must never leave the data user",
            "这是密钥的私有部分,不得离开数据使用方",
            fix=(
                "discard the pair and make a new one with `extractor keygen`",
                "请废弃该密钥并用 `extractor keygen` 重新生成",
            ),
        )
    try:
        return parse_recipient(value)
    except ConfigurationError:
        raise wrong(
            "no age recipient: it begins with age1, has 62 characters, and a checksum that must hold",
            "不是 age 收件人公钥:以 age1 开头,共 62 位,末尾为校验和",
            fix=(
                "make one with `extractor keygen` and give the public line",
                "请用 `extractor keygen` 生成,并填写公钥一行",
            ),
        ) from None


class OrganisationForm(Form):
    """The organisation that applies."""

    name: Text
    uscc: Annotated[Text, AfterValidator(_uscc)] = Key(description="unified social credit code, GB 32100-2015")
    kind: ApplicantKind
    domestically_controlled: Truth
    legal_representative: Text
    division: Division
    industrial_park: Truth


class ContactForm(Form):
    """A named person of the applicant."""

    name: Text
    phone: Annotated[Text, AfterValidator(_phone)]


class ProjectForm(Form):
    """What the data are for."""

    name: Text
    code: Text
    source: Text
    funder: Text
    protocol: Digest | None = Key(None, description="digest of the protocol file")


class PurposeForm(Form):
    """Category of use, and the statement in words."""

    category: PurposeCategory
    non_profit: Truth
    public_interest: Truth
    statement: LongText


class VariableForm(Form):
    """One wanted field: the level that the study needs, why, and the coarsest that would still be of use."""

    level: Text
    reason: Annotated[Text, Key(min_length=4)] = Key(description="why the study needs the field at this level")
    coarsest: Text | None = None


class PeriodForm(Form):
    """First and last day, both included."""

    first: Day
    last: Day


class SafeguardsForm(Form):
    """Where and how the applicant keeps the data."""

    place: Text
    division: Division
    mlps: Annotated[Whole, Key(ge=1, le=5)] = Key(description="grade under GB/T 22239-2019")
    measures: LongText
    abroad: Truth = False
    passed_on: Truth = False
    linked_with: Text | None = None


class RequestForm(Form):
    """数据使用申请表: an application for data."""

    title: Text
    catalogue: Text
    applicant: OrganisationForm
    handler: ContactForm
    security_officer: ContactForm
    project: ProjectForm
    purpose: PurposeForm
    variables: Annotated[
        dict[TableName, Annotated[dict[ColumnName, VariableForm], Key(min_length=1)]], Key(min_length=1)
    ]
    population: LongText = Key(description="SQL predicate over the catalogue's fields")
    period: PeriodForm
    people: Annotated[tuple[Text, ...], Key(min_length=1)]
    until: Day
    outputs: LongText
    safeguards: SafeguardsForm
    recipient_key: Annotated[Text, AfterValidator(_recipient)] = Key(
        description="age1…, as `extractor keygen` prints it"
    )
    consent: Consent = Consent.NONE
    mode: SharingMode = SharingMode.CONTROLLED
    format: OutputFormat = OutputFormat.PARQUET
    ethics: Text | None = None
    urgent_filing: Text | None = None
    earlier_returned: Truth = True
    undertaking: Text | None = None
    renews: Text | None = Key(None, description="number of the request whose term is to be extended")


def read_request(path: Path) -> Request:
    """Read a request from a YAML or JSON file.

    Raises:
        FormError: with every fault of the file: line, key, what is wrong, what is allowed; never a value.
    """
    return _request(read_document(path))


def parse_request(content: bytes, *, name: str) -> Request:
    """Read a request from bytes; ``name`` stands for the file in messages.

    Raises:
        FormError: as :func:`read_request`.
    """
    return _request(parse_document(content, name=name))


def request_from_json(body: Json) -> Request:
    """Return the request that canonical JSON was made of.

    Raises:
        FormError: the JSON does not fit.
    """
    return from_json(Request, body)


def _request(document: Document) -> Request:
    form, faults = check(RequestForm, document)
    faults += _period_faults(document.root)
    if form is None or faults:
        raise form_error(document.name, [(document.line(fault.place), fault) for fault in faults])
    return _core(form)


def _period_faults(root: dict[str, Any]) -> list[Fault]:
    first, last = (mapping(root.get("period")).get(end) for end in ("first", "last"))
    # Dates in the one spelling that the form takes sort as text.
    if isinstance(first, str) and isinstance(last, str) and last < first:
        return [Fault(("period", "last"), "the period ends before it begins", "期间的末日早于首日")]
    return []


_PLAIN = (
    *("title", "catalogue", "population", "people", "until", "outputs", "recipient_key", "consent", "mode"),
    *("format", "ethics", "urgent_filing", "earlier_returned", "undertaking", "renews"),
)


def _core(form: RequestForm) -> Request:
    plain: dict[str, Any] = {name: getattr(form, name) for name in _PLAIN}
    return Request(
        applicant=Organisation(**dict(form.applicant)),
        handler=Contact(**dict(form.handler)),
        security_officer=Contact(**dict(form.security_officer)),
        project=Project(**dict(form.project)),
        purpose=Purpose(**dict(form.purpose)),
        variables=tuple(
            Variable(table, field, wanted.level, wanted.reason, wanted.coarsest)
            for table, fields in form.variables.items()
            for field, wanted in fields.items()
        ),
        period=Period(form.period.first, form.period.last),
        safeguards=Safeguards(**dict(form.safeguards)),
        **plain,
    )
