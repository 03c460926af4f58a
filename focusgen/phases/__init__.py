"""What each phase does to one scene; a phase is handed its model and knows nothing of where it runs."""
