// Package drill has the tools of the failure drills (docs/failure-modes.md):
//
//   - Proxy stands between the daemon and its database and is cut, stalled and
//     healed there;
//   - Vmapd is the real program in a process of its own, with a state folder
//     that outlives it;
//   - Clients ask its socket without pause and judge every answer;
//   - Idle tells how long this machine let nobody run, which is nobody's fault;
//   - Result is a line of the table in the end.
package drill
