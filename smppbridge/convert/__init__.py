"""Configurations of other systems, converted: Kannel's with opensmppbox's, and Jasmin's.

``systems.convert(system, paths)`` is the one entry, for the command of that name: it returns a
Conversion, which holds the values of a bridge.yaml, the variables of its secrets, and a note for
each setting that could not be carried over, with file and line.  Files are read within bounds, and
octets that are no such configuration raise BadSettings.  May import ``settings providers``; reads
files, writes none, and opens no connection.
"""
