"""How right the assessor is: tables against texts that other people labelled, each source judged by weights it never taught."""
