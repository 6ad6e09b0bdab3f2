"""Stock Presidio for Chinese, put together as its documentation says: the peer of the benchmark of free text.

Owns an ``AnalyzerEngine`` whose words, and names where they are asked for, come from jieba, with one ``PatternRecognizer`` for
each entity that we find by form, and ``presidio-anonymizer`` behind it. It must not use anything of ours.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import jieba
import jieba.posseg
from presidio_analyzer import (
    AnalyzerEngine,
    EntityRecognizer,
    Pattern,
    PatternRecognizer,
    RecognizerRegistry,
    RecognizerResult,
)
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
from presidio_anonymizer import AnonymizerEngine

_FORMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "RESIDENT_ID": (r"(?<![0-9])[1-9][0-9]{5}(?:19|20)[0-9]{9}[0-9Xx](?![0-9])", ("身份证", "证件")),
    "PHONE": (r"(?<![0-9])(?:\+?86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}(?![0-9])", ("电话", "手机", "联系")),
    "LANDLINE": (r"(?<![0-9])0[0-9]{2,3}[ -]?[0-9]{7,8}(?![0-9])", ("电话", "座机")),
    "ADDRESS": (r"[一-龥]{2,8}(?:省|市|区|县)[一-龥0-9]{2,30}(?:路|街|巷|村|号|室)", ("住址", "地址")),
    "ORGANIZATION": (r"[一-龥]{2,12}(?:医院|卫生院|公司|大学|学校)", ("单位", "医院")),
    "DATE": (r"(?:19|20)[0-9]{2}[-/.年][0-9]{1,2}[-/.月][0-9]{1,2}日?", ("日期", "入院", "出院")),
    "AGE": (r"(?<![0-9])[0-9]{1,3}岁", ("年龄",)),
    "PASSPORT": (r"(?<![0-9A-Za-z])[EGDSPK][A-Z0-9]?[0-9]{7,8}(?![0-9A-Za-z])", ("护照",)),
    "PERMIT": (r"(?<![0-9A-Za-z])[HMCWLT][0-9]{8}(?:[0-9]{2})?(?![0-9A-Za-z])", ("通行证",)),
    "MILITARY_ID": (r"[军士文武警官兵南北]{1,4}字第[0-9]{4,12}号?", ("军官证",)),
    "USCC": (r"(?<![0-9A-Z])[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}(?![0-9A-Z])", ("信用代码",)),
    "BANK_CARD": (r"(?<![0-9])[3-6][0-9]{12,18}(?![0-9])", ("银行卡", "卡号")),
    "PLATE": (r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][0-9A-Z]{5,6}", ("车牌",)),
    "MEDICAL_RECORD": (r"(?:住院号|病案号|门诊号|病历号)[::]? ?[0-9A-Za-z]{4,20}", ("病案",)),
    "INSURANCE_ID": (r"(?:医保卡?号|社保卡?号)[::]? ?[0-9A-Za-z]{6,24}", ("医保",)),
    "LICENCE": (r"(?:执业证书?|资格证书?)(?:编号|号码|号)?[::]? ?[0-9A-Za-z]{8,27}", ("执业",)),
    "EMAIL": (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}", ("邮箱",)),
    "URL": (r"https?://[^\s,。]+", ("网址",)),
    "IP": (r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9.])", ("IP",)),
    "MAC": (r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}", ("MAC",)),
    "WECHAT": (r"(?:微信|wx|WX)号?[::]? ?[A-Za-z][A-Za-z0-9_-]{5,19}", ("微信",)),
    "QQ": (r"(?:QQ|qq)号?[::]? ?[0-9]{5,12}", ("QQ",)),
}


class _JiebaEngine(NlpEngine):
    """Words by jieba; with ``names``, parts of speech by jieba.posseg, whose ``nr`` are names."""

    engine_name = "jieba"
    is_available = True

    def __init__(self, *, names: bool) -> None:
        self._names = names

    def load(self) -> None:
        jieba.initialize()

    def is_loaded(self) -> bool:
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        words: list[str] = []
        starts: list[int] = []
        people: list[Any] = []
        at = 0
        for word, tag in self._cut(text):
            words.append(word)
            starts.append(at)
            if tag == "nr" and len(word) > 1:
                people.append((at, at + len(word)))
            at += len(word)
        return NlpArtifacts(people, words, starts, words, self, language)  # type: ignore[arg-type]  # words serve

    def _cut(self, text: str) -> Iterator[tuple[str, str]]:
        if self._names:
            return ((pair.word, pair.flag) for pair in jieba.posseg.cut(text))
        return ((word, "") for word in jieba.cut(text))

    def process_batch(
        self, texts: Iterable[str], language: str, batch_size: int = 1, n_process: int = 1, **kwargs: Any
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        del batch_size, n_process, kwargs
        return ((text, self.process_text(text, language)) for text in texts)

    def is_stopword(self, word: str, language: str) -> bool:
        del language
        return word in "的了是在和与"

    def is_punct(self, word: str, language: str) -> bool:
        del language
        return not any(character.isalnum() for character in word)

    def get_supported_entities(self) -> list[str]:
        return ["PERSON"] if self._names else []

    def get_supported_languages(self) -> list[str]:
        return ["zh"]


class _TaggedNames(EntityRecognizer):
    """The names that the engine has tagged."""

    def __init__(self) -> None:
        super().__init__(["PERSON"], supported_language="zh")

    def load(self) -> None:
        """Load nothing."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts) -> list[RecognizerResult]:
        del text, entities
        return [RecognizerResult("PERSON", start, end, 0.85) for start, end in nlp_artifacts.entities]


class StockPresidio:
    """Analyzer and anonymizer with their default settings."""

    def __init__(self, *, names: bool) -> None:
        logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
        logging.getLogger("jieba").setLevel(logging.ERROR)
        recognisers: list[EntityRecognizer] = [
            PatternRecognizer(kind, patterns=[Pattern(kind, form, 0.6)], context=list(words), supported_language="zh")
            for kind, (form, words) in _FORMS.items()
        ]
        engine = _JiebaEngine(names=names)
        engine.load()
        registry = RecognizerRegistry(recognisers + [_TaggedNames()] * names, supported_languages=["zh"])
        self._analyzer = AnalyzerEngine(registry, engine, supported_languages=["zh"])
        self._anonymizer = AnonymizerEngine()

    def redacted(self, text: str) -> str:
        """Return one text with typed words for what was found."""
        return self._anonymizer.anonymize(text, self._analyzer.analyze(text, language="zh")).text
