"""Writes accuracy-texts.json: documents of the demo model's grammar, drawn with a seed that its training did not use.

  python3 accuracy-texts.py > accuracy-texts.json     (in this folder)
"""
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "demo-model"))
import prepare_corpus  # noqa: E402

SEED = 20_240
DOCUMENTS = 14


def text_of(document):
    if document["kind"] == "plain":
        return document["turns"][0][1]
    question, answer = document["turns"][0]
    return f"[INST] {question} [/INST] {answer}"


rng = random.Random(SEED)
print(json.dumps([text_of(prepare_corpus.document(rng)) for _ in range(DOCUMENTS)], indent=1))
