/*
 * A signal handler in C: counts, and nothing else.
 *
 * JavaScript handlers run only from the event loop, so a script that sits in read() or io_uring_enter() would learn of
 * Ctrl-C too late or never. This handler stores the number where a typed array sees it between two calls.
 * No #include and no libc: compiled in memory, also on machines without headers.
 */
static volatile int *state; /* [0] the last signal's number, [1] how many arrived */

void bytewitness_signal_state(int *address) { state = address; }

void bytewitness_signal_handler(int number)
{
	state[0] = number;
	state[1] = state[1] + 1;
}
