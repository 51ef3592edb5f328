"""Messages as a front end reads them."""

from lineart.service.protocol import Message, Source, read_head, read_parts


def read_message(stream: Source) -> Message | None:
    """Read a message; None at the end of the stream; raises as `read_head` and `read_parts`."""
    head = read_head(stream)
    return None if head is None else Message(head.fields, read_parts(stream, head.parts))
