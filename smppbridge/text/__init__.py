"""Characters <-> octets: alphabets, national tables, user data headers, long texts cut and joined.

Reads the octets of a short_message by data_coding and UDH, and makes such octets from text. This
package never sees a PDU, an account or a provider; its errors hold no text, and the caller decides
how to answer a fault. Pure; imports nothing of ours.
"""
