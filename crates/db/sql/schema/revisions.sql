SELECT version_num FROM alembic_version ORDER BY version_num
