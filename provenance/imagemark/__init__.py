"""The image mark: a record's number, hidden in a picture's brightness so that eyes do not see it and edits leave it.

    key = ImageMarkKeys(folder, LedgerKeys(ledger_folder)).current()
    marked = mark(picture, key.number("r-01J..."), key)
    found = ImageMarkReader(keys.known, record_of).detect(marked)

How: 48 bits become 372 by a strong code (`code`); each of those is spread over about 100 waves whose places and phases
only the key tells (`pattern`); 16 waves more are known to the reader beforehand and tell how the picture was turned,
scaled and cut (`search`). Everything happens in one size, the picture scaled to 512 x 512 pixels' worth of area, so
that scaling alone changes nothing (`plane`).

What it withstands is measured (`wherefrom bench marks --images`). What it does not: cutting away more than half, being
drawn anew by a model, stretching one side by more than a few percent, mirroring, and whoever holds the key.
"""
