"""summary.json of many stacks: what it holds, and that writing it after every stack stays cheap."""

from __future__ import annotations

import json

from focusgen.base.files import json_bytes
from focusgen.tools import focal_summary
from focusgen.tools.focal_summary import Summary


def test_the_file_is_the_document_after_every_stack_and_each_is_put_into_words_once(tmp_path, monkeypatch):
    in_words = []

    def counted(document):
        in_words.append(len(document.get("stacks", [document])))
        return json_bytes(document)

    monkeypatch.setattr(focal_summary, "json_bytes", counted)
    names = [f"s\n{n}" for n in range(50)]
    summary, path = Summary(tmp_path, names, ["empty"]), tmp_path / "summary.json"
    summary.write()
    for n, name in enumerate(names):
        assert json.loads(path.read_text())["not_done"] == names[n:]
        if n % 7 == 3:
            summary.add_failed(name, "a slice is damaged", "Replace it.")
        else:
            summary.add({"name": name, "lens": {"formula": "paper"}, "orders": [["a", "b"], []], "part": 0.5})
        assert path.read_bytes() == json_bytes(summary.document())
    assert "not_done" not in summary.document()
    assert sum(in_words) == len(summary.stacks)
