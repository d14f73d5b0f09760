/*
 * A signal handler in C: counts, and sees to it that a second signal ends a process that does not answer.
 *
 * JavaScript handlers run only from the event loop, so a script that sits in read() or io_uring_enter() would learn of
 * Ctrl-C too late or never. This handler stores the number where a typed array sees it between two calls. At the second
 * signal, if it was asked to, it sets an alarm: unless the script clears it, the process ends with 128 + the number. One
 * key of a terminal can arrive twice (`bun run` passes on what the terminal has sent to the whole group): signals that
 * follow the first at once are one with it.
 * No #include: compiled in memory, also on machines without headers; libc's functions come as addresses.
 */
static volatile int *state; /* [0] the last signal's number, [1] how many arrived, [2] set an alarm at the second */
static unsigned (*set_alarm)(unsigned seconds);
static void (*end)(int status);

struct timespec {
	long seconds;
	long nanoseconds;
};

static int (*get_time)(int clock, struct timespec *now);
static long first_ms;

enum { ALARM_SECONDS = 1, MONOTONIC = 1, SAME_KEY_MS = 150 };

void bytewitness_signal_setup(int *address, void *alarm_address, void *exit_address, void *time_address)
{
	state = address;
	set_alarm = alarm_address;
	end = exit_address;
	get_time = time_address;
}

static long now_ms(void)
{
	struct timespec now;

	get_time(MONOTONIC, &now);
	return now.seconds * 1000 + now.nanoseconds / 1000000;
}

void bytewitness_signal_handler(int number)
{
	state[0] = number;
	state[1] = state[1] + 1;
	if (state[1] == 1)
		first_ms = now_ms();
	else if (state[2] && now_ms() - first_ms > SAME_KEY_MS)
		set_alarm(ALARM_SECONDS);
}

void bytewitness_alarm_handler(int number)
{
	(void)number;
	end(128 + state[0]);
}
