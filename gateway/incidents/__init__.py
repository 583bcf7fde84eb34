"""The record of what was done (应急处置记录归档): every alarm's story, append-only and hash-chained.

Derived from the journal, never beside it: the journal is what survives a power cut, the archive is what survives the
journal's retention and shows that nobody changed it. Knows ids of contacts and devices; no name and no number.
"""
