"""The Bluesky connector against the AT Protocol's own servers, outside CI."""
