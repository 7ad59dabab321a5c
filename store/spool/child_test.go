package spool_test

const childMode = "SPOOL_TEST_CHILD"

func child() int { return 0 }
