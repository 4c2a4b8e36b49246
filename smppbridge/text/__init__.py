"""Characters <-> octets: alphabets, user data headers, and long texts cut and joined.

Reads what data_coding and a UDH say about the octets of a short_message, and makes such octets from
text. It never sees a PDU, an account or a provider: what a fault deserves, the caller
decides, and no error holds the text it is about. Pure; imports nothing of ours.
"""
