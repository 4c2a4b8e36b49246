"""smppbridge."""
