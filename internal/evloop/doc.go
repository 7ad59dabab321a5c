// Package evloop serves many connections from a few event loops, on Linux.
//
// A goroutine that waits for its connection costs a switch of goroutines, a read
// that finds nothing, and now and then a second thread that has to be woken, for
// each request: more than to answer it, where answers come from memory. Here a
// thread waits for all connections with epoll(7), and calls a function of the
// connection that has something to be read. What that function cannot do at once
// is done by the goroutine of the connection, as usual.
//
// # Use
//
//	loops, err := evloop.New(n)
//	c, err := loops.Take(nc)     // nc, of package net, is used up
//	for {
//		err := c.Run(f)          // the loop calls f until that returns false
//		...                      // c is a net.Conn as any other: it may wait
//	}
//
// # Edges
//
// A connection is registered for edges (EPOLLET), so f is called when something
// came, not while something is there. It must have read until there was nothing
// left, or less than asked for, when it returns true; and so must the goroutine
// before it calls Run.
//
// # Processors
//
// While several connections keep a loop busy its thread stays on one processor and
// lets clients finish what they are at before it takes its turn: see sprint.go.
// While one does its thread follows that one's client from processor to processor,
// if waking it across them takes many times as long: see place.go. Where the system
// does not let it do so (a filter of system calls, a policy that somebody has chosen)
// loops work all the same, and switch between threads more often.
//
// A thread that waits in a system call keeps one of the GOMAXPROCS processors of
// the runtime for a while, which the goroutines that are ready would wait for:
// [New] adds one for each loop, and [Loops.Close] takes them away.
package evloop
