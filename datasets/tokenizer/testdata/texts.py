# texts for spm.py and others: TEXTS to encode, CORPUS to learn from
TEXTS = ["The quick brown fox, it's jumping over 12 lazy dogs' backs!", "  leading and  double   spaces \n\n\t newlines\r\n ", "", " ", "   ", "a", " a", "a ",
    "naïve café ﬁancé e\u0301\u0323 ½ ℃ Ω 東京都 한국어 العربية हिन्दी 🙂👩‍👩‍👧‍👦", "DON'T we'LL I'VE 's 'S 'ſ ''s", "x\u00a0y\u3000z\u200bw\u0085v\x07\x1c",
    "foo_bar-baz.qux@x.y+1 (a) [b] {c} «d» “e” — … ¿f? ٣٤٥ ⅷ ²", "abcab ab abc cab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "1234567 12 1",
    "\u0301abc \u200d", "▁a ▁▁b▁", "the the the\nthe\tthe", "中文字符測試 abc中", "one<sep>two <sep> three<sep>", "the\u2028end\u3000", "fox" * 30, "dog\n" * 5]
CORPUS = [t.replace("<sep>", " ") for t in TEXTS if t.strip()] * 20 + ["the quick brown fox jumps over the lazy dog and again the other one", "lazy dogs are jumping over foxes, again and again; 12 of them", "newlines and spaces, leading to other newlines"] * 30
