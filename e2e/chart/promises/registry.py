"""The list of promises, and the decorator that adds one."""

PROMISES = []


def promise(text, **breaks):
    """Registers a promise with its breaks, named for what they do."""

    def register(keeps):
        PROMISES.append((text, keeps, breaks))
        return keeps

    return register
