"""A smaller WordPiece vocabulary: what the training texts use, single characters, the most frequent of the old words."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer


def prune(source: Path, texts: Iterable[str], size: int) -> tuple[str, list[int]]:
    """The pruned tokenizer as JSON, and the old ids of the kept tokens in their new order.

    Special tokens keep the first places in the old order, so 0 stays the padding.
    """
    spec = json.loads(source.read_text(encoding="utf-8"))
    old: dict[str, int] = spec["model"]["vocab"]
    whole = Tokenizer.from_file(str(source))
    whole.no_truncation()
    whole.no_padding()
    used = Counter(token for encoding in whole.encode_batch(list(texts)) for token in encoding.tokens)
    special = [token["content"] for token in spec["added_tokens"]]
    letters = [token for token in old if len(token.removeprefix("##")) == 1 and (token.isascii() or used[token])]
    frequent = [token for token, count in used.most_common() if count >= 2 and token not in special]
    rest = sorted((token for token in old if not token.startswith("[unused")), key=old.__getitem__)
    kept = list(dict.fromkeys([*sorted(special, key=old.__getitem__), *letters, *frequent, *rest]))[:size]
    new = {token: i for i, token in enumerate(kept)}
    spec["model"]["vocab"] = new
    spec["truncation"] = spec["padding"] = None
    for token in spec["added_tokens"]:
        token["id"] = new[token["content"]]
    for token in (spec.get("post_processor") or {}).get("special_tokens", {}).values():
        token["ids"] = [new[name] for name in token["tokens"]]
    if "sep" in (post := spec.get("post_processor") or {}):
        post["sep"][1], post["cls"][1] = new[post["sep"][0]], new[post["cls"][0]]
    return json.dumps(spec, ensure_ascii=False, separators=(",", ":")), [old[token] for token in kept]
