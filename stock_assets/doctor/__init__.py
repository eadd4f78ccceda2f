"""Whether everything is there that a universe needs: before it runs, or when it does not.

Each module looks at one thing and says what it found as ``Diagnosis``; ``examination`` goes through all of
them. None of them changes anything that lasts, all of them work before anything was prepared, and each of
them ends in bounded time.
"""
