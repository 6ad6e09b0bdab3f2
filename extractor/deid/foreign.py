"""Presidio recognisers of others, added by a Python entry point of the group ``extractor.recognisers``.

Owns how they are found, checked and made to fail closed, and which of our types their entities are. It must not know what
they look for. An entry point that does not load, or is no recogniser for Chinese, refuses to start: a recogniser that a
hospital installed and that silently does not run would be worse than none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from extractor.deid.spans import SpanType
from extractor.errors import ConfigurationError

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer

GROUP = "extractor.recognisers"
OUR_TYPES: dict[str, SpanType] = {
    **SpanType.__members__,
    "PHONE_NUMBER": SpanType.PHONE,
    "EMAIL_ADDRESS": SpanType.EMAIL,
    "LOCATION": SpanType.ADDRESS,
    "GPE": SpanType.ADDRESS,
    "ORG": SpanType.ORGANIZATION,
    "DATE_TIME": SpanType.DATE,
    "IP_ADDRESS": SpanType.IP,
    "MAC_ADDRESS": SpanType.MAC,
    "CREDIT_CARD": SpanType.BANK_CARD,
    "IBAN_CODE": SpanType.ACCOUNT,
    "MEDICAL_LICENSE": SpanType.LICENCE,
    "DOMAIN_NAME": SpanType.URL,
}
"""Our types, and what Presidio's own names of entities are among them; any other entity is an OTHER_ID, hidden as a number."""


def type_of(entity: str) -> SpanType:
    """Return our type for a Presidio entity; one that is not ours is never dropped, it becomes OTHER_ID."""
    return OUR_TYPES.get(entity, SpanType.OTHER_ID)


def installed() -> tuple[EntryPoint, ...]:
    """Return the entry points of the group, by name; nothing is imported."""
    return tuple(sorted(entry_points(group=GROUP), key=lambda point: point.name))


def load_recognisers(points: Iterable[EntryPoint] | None = None) -> tuple[EntityRecognizer, ...]:
    """Load the recognisers of others: an instance, a class, or a function that gives one or several of them.

    Raises:
        ConfigurationError: one does not load, is no Presidio recogniser, or is not for Chinese. The message names the entry
            point and the kind of the fault, never the fault's own text.
    """
    points = installed() if points is None else tuple(points)
    return tuple(recogniser for point in points for recogniser in _loaded(point))


def _loaded(point: EntryPoint) -> Iterator[EntityRecognizer]:
    from presidio_analyzer import EntityRecognizer  # Presidio takes a second to import; most sites add nothing.

    from extractor.deid.foreign_wrapping import Translated

    try:
        made: Any = point.load()
        made = made() if callable(made) else made
        given = [made] if isinstance(made, EntityRecognizer) else list(made)
    except Exception as problem:
        raise _refused(
            point, f"does not load ({type(problem).__name__})", f"无法加载({type(problem).__name__})"
        ) from None
    for recogniser in given:
        if not isinstance(recogniser, EntityRecognizer) or not recogniser.supported_entities:
            raise _refused(point, "gives no Presidio recogniser with entities", "未提供带实体类型的 Presidio 识别器")
        if recogniser.supported_language != "zh":
            raise _refused(point, "gives a recogniser for another language than zh", "提供的识别器不是 zh(中文)")
        yield Translated(recogniser)


def _refused(point: EntryPoint, en: str, zh: str) -> ConfigurationError:
    return ConfigurationError(
        f"the entry point {en}",
        zh=f"该入口点{zh}",
        thing=f"{GROUP}: {point.name} = {point.value}",
        fix_en="mend or uninstall the package that declares it; nothing runs without it meanwhile",
        fix_zh="请修复或卸载声明该入口点的软件包;在此之前不会运行",
    )
