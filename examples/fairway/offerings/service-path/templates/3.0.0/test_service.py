import unittest

from service import NAME, answer


class Answers(unittest.TestCase):
    def test_says_who_it_is(self):
        status, body = answer("/")
        self.assertEqual(status, 200)
        self.assertEqual(body["name"], NAME)

    def test_is_healthy(self):
        self.assertEqual(answer("/healthz"), (200, {"status": "ok"}))

    def test_knows_what_it_does_not_know(self):
        self.assertIsNone(answer("/nowhere"))


if __name__ == "__main__":
    unittest.main()
