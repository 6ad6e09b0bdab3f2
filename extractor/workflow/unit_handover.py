"""Handover at a change of unit: one sheet of everything that is kept, checked before giver, receiver and witness sign it.

Owns the sheet (UH-…), what it lists, and who signs. 榕政综〔2017〕122号 art. 28, 渝卫发〔2019〕67号 art. 19. It must not hand over a
key's content: keys are listed by the name of their file, and public halves by their text.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from extractor.canonical import canonical_bytes, digest_bytes
from extractor.errors import ApprovalError, IntegrityError, StorageError
from extractor.keys import load_signing_key
from extractor.log.entries import Verb
from extractor.policy import Cited
from extractor.policy_words import PracticeKind
from extractor.requests import Person, Role, State
from extractor.store.tables import documents
from extractor.store.transaction import Transaction
from extractor.workflow.backup_archive import digest_of_file
from extractor.workflow.grounds import acting, cited_facts
from extractor.workflow.incidents import verified_log
from extractor.workflow.office import Actor, Office
from extractor.workflow.records import record_path, write_whole
from extractor.workflow.report_figures import log_head
from extractor.workflow.signed import About, put_signed, sign_stored

_KIND = "unit_handover"


@dataclass(frozen=True)
class ListedRequest:
    """A request, where it stands, and its digest."""

    number: str
    state: str
    digest: str


@dataclass(frozen=True)
class ListedFile:
    """A file that is handed over: a package, a record, a catalogue or the settings."""

    name: str
    bytes: int
    digest: str


@dataclass(frozen=True)
class ListedKey:
    """A key by the name of its file, and its public half where it has one."""

    name: str
    public: str | None = None


@dataclass(frozen=True)
class KindCount:
    """How many documents of a kind there are, and how many versions of them; one digest over all of them in their order."""

    kind: str
    numbers: int
    versions: int
    digest: str


@dataclass(frozen=True)
class UnitHandover:
    """Everything that one unit hands over to another. The log is that of ``log_size`` entries with the root ``log_root``."""

    number: str
    giver_unit: str
    receiver_unit: str
    giver: str
    receiver: str
    witness: str
    made: datetime
    requests: tuple[ListedRequest, ...]
    packages: tuple[ListedFile, ...]
    records: tuple[ListedFile, ...]
    settings: tuple[ListedFile, ...]
    keys: tuple[ListedKey, ...]
    kinds: tuple[KindCount, ...]
    log_size: int
    log_root: str
    cited: tuple[Cited, ...]


@dataclass(frozen=True)
class Signatories:
    """Who signs: for the unit that gives, for the one that receives, and as witness."""

    giver: Actor
    receiver: Actor
    witness: Actor


def hand_over_unit(office: Office, to: str, who: Signatories) -> UnitHandover:
    """Check that everything is there, list it, and have giver, receiver and witness sign the list.

    Raises:
        ApprovalError: a person of the wrong unit or role, one person twice, the same unit, or a run that is under way.
        IntegrityError: the log is not as it was signed, or a package is missing or not the one that was sealed.
        ConfigurationError: a person's own key is not given.
    """
    verified_log(office)
    with office.refusals_logged(who.giver.person, Verb.UNIT_HANDOVER, _KIND), office.store.transaction() as tx:
        people = _checked(office, tx, to, who)
        if running := tx.find("request", state=State.RUNNING.value):
            raise _refused(running[0].number, "a run is under way", "尚有运行在进行", "wait for it", "请等待其结束")
        size, root = log_head(office, tx)
        sheet = UnitHandover(
            tx.next_number("UH", office.today.year), office.settings.unit, to, people[0].id, people[1].id, people[2].id,
            made=office.now, requests=_requests(tx), packages=_packages(office, tx), records=_files(office, "records"),
            settings=(_file(office, "settings.yaml"), *_files(office, "catalogues")), keys=_keys(office), kinds=_kinds(tx),
            log_size=size, log_root=root, cited=office.policies_here.practice(PracticeKind.UNIT_HANDOVER),
        )  # fmt: skip
        stored = put_signed(office, tx, who.giver, about=About(_KIND, sheet.number, "given"), document=sheet)
        sign_stored(office, tx, who.receiver, about=About(_KIND, sheet.number, "received"), digest=stored)
        sign_stored(office, tx, who.witness, about=About(_KIND, sheet.number, "witnessed"), digest=stored)
        for person, said in zip(people, ("given", "received", "witnessed"), strict=True):
            office.log(
                tx, Verb.UNIT_HANDOVER, person, object=sheet.number, object_digest=stored, reason=said,
                **cited_facts(sheet.cited),
            )  # fmt: skip
        write_whole(record_path(office, sheet.number), canonical_bytes(sheet))
    return sheet


def _checked(office: Office, tx: Transaction, to: str, who: Signatories) -> tuple[Person, Person, Person]:
    """Check who signs: the giver of this unit, the receiver of the other, a witness of neither, three different people."""
    own = office.settings.unit
    giver = acting(office, tx, who.giver, roles=(Role.TECHNICAL_SERVICE_UNIT,), thing=_KIND)
    receiver = acting(office, tx, who.receiver, roles=(Role.TECHNICAL_SERVICE_UNIT,), thing=_KIND)
    witness = acting(office, tx, who.witness, roles=(Role.WITNESS, Role.OPERATOR, Role.AUTHORITY), thing=_KIND)
    if to == own:
        raise _refused(to, "this is the same unit", "移交给了同一单位", "name the other unit", "请填写另一单位")
    for person, unit in ((giver, own), (receiver, to)):
        if person.unit != unit:
            raise _refused(
                person.id, "the person is of another unit than the one they sign for", "签署人不属于所代表的单位",
                f"let a person of {unit} sign", f"请由{unit}的人员签署",
            )  # fmt: skip
    if witness.unit in (own, to):
        raise _refused(
            witness.id, "the witness is of one of the two units", "见证人属于移交双方之一",
            "let somebody of a third unit witness", "请由第三方单位人员见证",
        )  # fmt: skip
    return giver, receiver, witness


def _requests(tx: Transaction) -> tuple[ListedRequest, ...]:
    found = tx.find("request")
    return tuple(ListedRequest(each.number, str(tx.state("request", each.number)), each.digest) for each in found)


def _packages(office: Office, tx: Transaction) -> tuple[ListedFile, ...]:
    """List the packages that lie here, each seen to be the one that its run sealed; one that is gone needs a record of it."""
    found = []
    for record in tx.find("run_record"):
        name, digest = str(record.body["package"]), str(record.body["package_digest"])
        path = office.home.packages / f"{name}.zip"
        if not path.exists():
            if any(
                each.body["chain"].get("package") == digest and _is_package(each.body)
                for each in tx.find("destruction")
            ):
                continue
            raise _gone(
                name, "the package is missing, and there is no record of its destruction", "数据包缺失且无销毁记录"
            )
        listed = _file(office, f"packages/{path.name}")
        if listed.digest != digest:
            raise _gone(name, "the package is not the one that the run sealed", "数据包与运行时封装的不一致")
        found.append(listed)
    return tuple(found)


def _is_package(record: dict[str, object]) -> bool:
    """Say whether a destruction record is about a delivered package, and not about what its run left in scratch."""
    return record["ground"] in ("term_over", "withdrawn", "breach", "handed_over")


def _files(office: Office, folder: str) -> tuple[ListedFile, ...]:
    names = (path.name for path in (office.home.root / folder).iterdir() if path.is_file() and path.suffix != ".part")
    return tuple(_file(office, f"{folder}/{name}") for name in sorted(names))


def _file(office: Office, name: str) -> ListedFile:
    try:
        digest, size = digest_of_file(office.home.root / name)
    except OSError as failure:
        raise StorageError(
            f"the file cannot be read ({failure.strerror})", zh="无法读取文件", thing=name,
            fix_en="restore it from the backup, then hand over", fix_zh="请先从备份恢复再移交",
        ) from None  # fmt: skip
    return ListedFile(name, size, digest)


def _keys(office: Office) -> tuple[ListedKey, ...]:
    people = sorted(office.home.people.glob("*.pem"))
    return (
        ListedKey("root.key"),
        ListedKey("unit.pem", office.unit_key.public.text),
        ListedKey("log.key", str(office.log_signer.verifier)),
        *(ListedKey(f"people/{path.name}", load_signing_key(path).public.text) for path in people),
    )


def _kinds(tx: Transaction) -> tuple[KindCount, ...]:
    """Count the documents of every kind that the store holds, whichever kinds there are."""
    chosen = select(documents.c.kind, documents.c.number, documents.c.digest).order_by(documents.c.position)
    found: dict[str, list[tuple[str, str]]] = {}
    for row in tx.rows(chosen):
        found.setdefault(str(row.kind), []).append((str(row.number), str(row.digest)))
    return tuple(
        KindCount(kind, len({number for number, _ in each}), len(each), digest_bytes(_lines(each)))
        for kind, each in sorted(found.items())
    )


def _lines(versions: list[tuple[str, str]]) -> bytes:
    return "".join(f"{number}\n{digest}\n" for number, digest in versions).encode()


def _gone(thing: str, en: str, zh: str) -> IntegrityError:
    return IntegrityError(
        en, zh=zh, thing=thing, fix_en="find it or restore it from the backup, then hand over",
        fix_zh="请查明或从备份恢复后再移交",
    )  # fmt: skip


def _refused(thing: str, en: str, zh: str, fix_en: str, fix_zh: str) -> ApprovalError:
    return ApprovalError(en, zh=zh, thing=thing, fix_en=fix_en, fix_zh=fix_zh)
