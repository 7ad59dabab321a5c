package jobs_test

const childURL = "JOBS_TEST_URL"

func child() int { return 0 }
