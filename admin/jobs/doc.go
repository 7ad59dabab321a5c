// Package jobs does what must be done again and again: jobs that Modoboa leaves
// to cron and to its worker processes.
//
//	s := jobs.New(jobs.Options{Jobs: list, Site: site, ...})
//	go s.Run(ctx)                                     // by the clock
//	report, err := s.Now(ctx, "clean-logs", jobs.Order{DryRun: true})  // by order
//
// A [Job] is a name, an interval and a function. The function gets a [Run]: the
// database, what changes it (package manage), a report to which it adds a line
// for all that it does, and progress to tell of. It must be idempotent - run
// again it does what is left to do - and it ends soon after its context does:
// its node may be killed at any moment.
//
// Several nodes may share a database. A job runs on one of them at a time, which
// holds a lock in the database (db.TryLock) that ends with it; the context of a
// run ends when its lock is lost. A node that comes to run a job by the clock
// first reads when it last ran through, on whichever node, so that a daily job
// runs once a day and not once a day on each. Where that stands is a [Memory]: a
// table of the database, or a file for a node that is alone.
//
// A dry run takes no lock and changes nothing. What it reports is what a run
// would do now.
package jobs
