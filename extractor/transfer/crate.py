"""The RO-Crate description of a package: the manifest told again in words that other research systems read.

Owns the JSON-LD of RO-Crate 1.2 with the Five Safes profile 0.4 (request, sign-offs, disclosure check, files) and the check that
it says what the manifest says. It must not say more than the manifest: names of roles and units, digests, counts; no person.
"""

from __future__ import annotations

import json
from typing import NoReturn

from extractor.canonical import Json, canonical_bytes
from extractor.errors import IntegrityError
from extractor.manifest import CRATE, MANIFEST, MEDIA_TYPE, SIGNATURE, Approval, Cover, Item, Manifest

PROFILE = "https://w3id.org/5s-crate/0.4"
_CONTEXT = "https://w3id.org/ro/crate/1.2/context"
_VERSION = "https://w3id.org/ro/crate/1.2"
_SAFE_HAVEN = "https://w3id.org/shp#"
_DONE = "http://schema.org/CompletedActionStatus"
_CIPHERTEXT = {"age": "application/vnd.age", "gm": "application/octet-stream"}

Entity = dict[str, Json]


def describe(cover: Cover, *, items: tuple[Item, ...], suite: str) -> bytes:
    """Return ``ro-crate-metadata.json`` of a package as canonical JSON."""
    actions = [_execution(cover, items), *_sign_offs(cover), _disclosure_check(cover)]
    graph = [
        _descriptor(),
        _root(cover, items, actions),
        {"@id": PROFILE, "@type": ["CreativeWork", "Profile"], "name": "Five Safes RO-Crate profile", "version": "0.4"},
        *_contexts(cover),
        *actions,
        *(_file(item, suite) for item in items),
        {"@id": MANIFEST, "@type": "File", "name": "Manifest", "encodingFormat": MEDIA_TYPE},
        {"@id": SIGNATURE, "@type": "File", "name": "Signature (DSSE)", "encodingFormat": "application/json"},
    ]
    return canonical_bytes({"@context": _CONTEXT, "@graph": graph})


def check_agrees(crate: bytes, manifest: Manifest) -> None:
    """Check that a description names the package, its profile and exactly the files of the manifest, with size and digest.

    It is compared statement by statement and not rebuilt, so that a later version still verifies what an older one sealed.

    Raises:
        IntegrityError: it says something else than the manifest.
    """
    entities = _entities(crate)
    root = entities.get("./", {})
    if root.get("identifier") != manifest.cover.package or root.get("conformsTo") != {"@id": PROFILE}:
        _disagrees("./")
    parts = root.get("hasPart")
    listed = [part.get("@id") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    expected = [item.name for item in manifest.items] + [MANIFEST, SIGNATURE]
    if listed != expected:
        _disagrees("./")
    files = {name for name, entity in entities.items() if entity.get("@type") == "File"}
    for stray in sorted(files ^ set(expected)):
        _disagrees(stray)
    for item in manifest.items:
        if entities[item.name] != _file(item, manifest.suite):
            _disagrees(item.name)


def _entities(crate: bytes) -> dict[str, Entity]:
    try:
        graph = json.loads(crate)["@graph"]
        entities: dict[str, Entity] = {entity["@id"]: entity for entity in graph}
    except (ValueError, KeyError, TypeError, RecursionError):
        _disagrees(CRATE)
    if len(entities) != len(graph) or not all(isinstance(name, str) for name in entities):
        _disagrees(CRATE)
    return entities


def _descriptor() -> Entity:
    return {
        "@id": CRATE,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": _VERSION},
    }


def _root(cover: Cover, items: tuple[Item, ...], actions: list[Entity]) -> Entity:
    sources = "; ".join(f"{origin.source} ({origin.acquired.isoformat()})" for origin in cover.origins)
    return {
        "@id": "./",
        "@type": "Dataset",
        "conformsTo": {"@id": PROFILE},
        "identifier": cover.package,
        "name": f"Data package {cover.package} 数据包",
        "description": f"De-identified extract for request {cover.provenance.request}, encrypted to its recipient.",
        "datePublished": cover.created.isoformat(),
        "expires": cover.expires.isoformat(),
        "conditionsOfAccess": list(cover.permitted_use),
        "license": {"@id": "#terms"},
        "creditText": sources,
        "publisher": {"@id": "#issuer"},
        "sourceOrganization": {"@id": "#project"},
        "mainEntity": {"@id": "#plan"},
        "hasPart": [{"@id": name} for name in (*(item.name for item in items), MANIFEST, SIGNATURE)],
        "mentions": [{"@id": action["@id"]} for action in actions],
    }


def _contexts(cover: Cover) -> list[Entity]:
    provenance = cover.provenance
    roles = sorted({(approval.role, approval.unit) for approval in provenance.approvals})
    agents: list[Entity] = [
        {"@id": _agent(role, unit), "@type": "Organization", "name": unit, "description": role} for role, unit in roles
    ]
    policies: list[Json] = list(provenance.policy_digests)
    agreed = provenance.agreement
    return [
        {"@id": "#issuer", "@type": "Organization", "name": cover.issuer_unit},
        {"@id": "#recipient", "@type": "Organization", "name": cover.recipient_unit},
        {"@id": "#project", "@type": "Project", "name": cover.project, "member": [{"@id": "#recipient"}]},
        {"@id": "#terms", "@type": "CreativeWork", "name": "Permitted use 许可用途", "text": list(cover.permitted_use)},
        _document("#request", f"Request {provenance.request} 申请", provenance.request_digest),
        _document("#plan", "Extraction plan 数据提取方案", provenance.plan_digest),
        _document("#catalogue", "Catalogue 数据资源目录", provenance.catalogue_digest),
        {"@id": "#policy", "@type": "CreativeWork", "name": "Policies 政策", "identifier": policies},
        *([_document("#agreement", f"Agreement {agreed.number} 协议", agreed.digest)] if agreed else []),
        *agents,
    ]


def _document(name: str, title: str, digest: str) -> Entity:
    return {"@id": name, "@type": "CreativeWork", "name": title, "identifier": digest}


def _agent(role: str, unit: str) -> str:
    return "#agent-" + "-".join("".join(c if c.isalnum() else "_" for c in part) for part in (role, unit))


def _execution(cover: Cover, items: tuple[Item, ...]) -> Entity:
    return {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"Extraction run {cover.provenance.run} 提取",
        "agent": {"@id": "#issuer"},
        "instrument": {"@id": "#plan"},
        "object": [{"@id": "#request"}, {"@id": "#catalogue"}, {"@id": "#policy"}],
        "result": [{"@id": item.name} for item in items],
        "endTime": cover.created.isoformat(),
        "actionStatus": _DONE,
    }


def _sign_offs(cover: Cover) -> list[Entity]:
    return [_sign_off(number, approval) for number, approval in enumerate(cover.provenance.approvals, start=1)]


def _sign_off(number: int, approval: Approval) -> Entity:
    return {
        "@id": f"#sign-off-{number}",
        "@type": "AssessAction",
        "additionalType": {"@id": _SAFE_HAVEN + "SignOff"},
        "name": f"{approval.step}: approved 同意",
        "agent": {"@id": _agent(approval.role, approval.unit)},
        "object": [{"@id": "#request"}, {"@id": "#plan"}, {"@id": "#project"}],
        "instrument": {"@id": "#policy"},
        "identifier": approval.digest,
        "endTime": approval.decided.isoformat(),
        "actionStatus": _DONE,
    }


def _disclosure_check(cover: Cover) -> Entity:
    risk = cover.risk
    return {
        "@id": "#disclosure-check",
        "@type": "AssessAction",
        "additionalType": {"@id": _SAFE_HAVEN + "DisclosureCheck"},
        "name": "Disclosure check: approved 重标识风险评估:通过",
        "description": f"mode {risk.mode.value}, k = {risk.k}, GB/T 42460 grade {risk.grade}",
        "agent": {"@id": "#issuer"},
        "object": {"@id": "./"},
        "instrument": {"@id": "#policy"},
        "endTime": cover.created.isoformat(),
        "actionStatus": _DONE,
    }


def _file(item: Item, suite: str) -> Entity:
    # RO-Crate's context has ``sha256``; a digest of another algorithm stands as an identifier.
    key = "sha256" if item.digest_algorithm == "sha256" else "identifier"
    return {
        "@id": item.name,
        "@type": "File",
        "name": item.name.rpartition("/")[2],
        "encodingFormat": _CIPHERTEXT[suite],
        "description": f"encrypted {item.media_type}",
        "contentSize": str(item.bytes),
        key: item.digest.removeprefix("sha256:"),
    }


def _disagrees(name: str) -> NoReturn:
    raise IntegrityError(
        f"{CRATE} does not say what the manifest says",
        zh=f"{CRATE} 与清单不一致",
        thing=name[:200] if name.isprintable() else CRATE,
        fix_en="get the package again from its issuer",
        fix_zh="请向签发单位重新获取",
    )
