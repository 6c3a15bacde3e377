"""Make the tables, and users u0, u1 … with one password: python users.py PASSWORD HOW_MANY."""

import asyncio
import sys

from app import Base, User, engine, session_maker
from fastapi_users.password import PasswordHelper


async def main() -> None:
    password, how_many = sys.argv[1], int(sys.argv[2])
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    # One hash for all: what is measured is verifying it, and making hundreds would take longer than that.
    stored = PasswordHelper().hash(password)
    async with session_maker() as session:
        session.add_all(
            User(email=f"u{number}@example.org", hashed_password=stored) for number in range(how_many)
        )
        await session.commit()
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main())
