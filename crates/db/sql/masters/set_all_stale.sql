UPDATE masters SET active = 1, last_active = 0
