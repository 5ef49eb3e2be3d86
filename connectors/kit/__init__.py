"""What platforms share: links and text, feeds, paging, credentials, the meaning of answers."""
