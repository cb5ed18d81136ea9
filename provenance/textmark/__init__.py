"""A keyed mark inside free text: put in while a model decodes, found again with the key alone.

`marker` leans every whole word to one side of a secret coin, `detector` counts the coins. Neither knows a model: what
is marked are words, so the detector needs no tokenizer, no weights and no torch.
"""
