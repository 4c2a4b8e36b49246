"""The operations of the API, by subject: each module enters its own into the table of routes.

`ports` is all that operations may use; `shapes` the types of values that many answers have.  An
operation reads the store by `ports.read`, and changes the bridge by the objects of the relay.
"""
