"""Networks by name: what they are called (`names`), and how they are made (`making`).

``names`` needs no torch, so that a misspelt name is answered at once; everything else does.
"""
