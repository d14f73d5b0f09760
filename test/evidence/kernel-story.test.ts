/** The kernel's testimony, on a trace that 6.1.170 wrote while it corrupted an append. */
import { expect, test } from "bun:test";
import { kernelStory, parseTrace, storyLines } from "../../src/evidence/kernel-story.ts";

const TRACE = `# tracer: nop
#
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
             bun-114     [000] .....    31.349565: io_uring_submit_sqe: ring 000000000bbaf77c, req 000000003f3173cc, user_data 0x1b17e500000000, opcode WRITEV, flags 0x0, non block 1, sq_thread 0
             bun-114     [000] .....    31.349675: xfs_file_buffered_write: dev 254:0 ino 0x83 disize 0x0 pos 0x0 bytecount 0x800008
             bun-114     [000] .....    31.349683: iomap_iter: dev 254:0 ino 0x83 pos 0x0 length 0x0 flags WRITE|NOWAIT (0x21) ops xfs_buffered_write_iomap_ops [xfs] caller iomap_file_buffered_write+0x8f/0x300
             bun-114     [000] .....    31.351000: balance_dirty_pages: bdi 254:0: limit=41592 setpoint=22630 dirty=3680
             bun-114     [000] .....    31.352000: balance_dirty_pages: bdi 254:0: limit=41592 setpoint=22630 dirty=3700
             bun-114     [000] .....    31.353000: balance_dirty_pages: bdi 254:0: limit=41592 setpoint=22630 dirty=3720
             bun-114     [000] .....    31.396494: io_uring_queue_async_work: ring 000000000bbaf77c, request 000000003f3173cc, user_data 0x1b17e500000000, opcode WRITEV, flags 0xe0240400, hashed queue, work 000000002f43071a
     iou-wrk-114-121     [000] .....    31.398286: xfs_file_buffered_write: dev 254:0 ino 0x83 disize 0x0 pos 0x5fe000 bytecount 0x800008
     iou-wrk-114-121     [000] ...1.    31.695414: io_uring_complete: ring 000000000bbaf77c, req 000000003f3173cc, user_data 0x1b17e500000000, result 8388616, cflags 0x0 extra1 0 extra2 0
`;

test("an append that was begun twice is reported in one sentence", () => {
  expect(kernelStory(parseTrace(TRACE)).sentence).toBe(
    "inline NOWAIT attempt of 8,388,616 bytes began at 0; copied 6,283,264 bytes and stopped; queued to io-wq; " +
      "io-wq appended all 8,388,616 bytes at 6,283,264; completion returned 8,388,616",
  );
});

test("a worker that goes on where the inline attempt stopped has no such story", () => {
  const right = TRACE.replace("pos 0x5fe000 bytecount 0x800008", "pos 0x5fe000 bytecount 0x202008");
  expect(kernelStory(parseTrace(right)).sentence).toBeUndefined();
});

test("the events of the append in question are shown, and no others", () => {
  const later = TRACE.replaceAll("31.", "41.").replace("pos 0x5fe000 bytecount 0x800008", "pos 0x5fe000 bytecount 0x8");
  const { lines } = kernelStory(parseTrace(later.replaceAll("41.", "21.") + TRACE + later));
  expect(lines).toEqual(storyLines(parseTrace(TRACE)));
});

test("lines: time from the first event, the task, fields without addresses, runs in one line", () => {
  expect(storyLines(parseTrace(TRACE))).toEqual([
    "     0.000 ms  bun               io_uring_submit_sqe: opcode WRITEV, flags 0x0, non_block 1",
    "     0.110 ms  bun               xfs_file_buffered_write: ino 0x83, disize 0, pos 0, bytecount 8,388,616",
    "     0.118 ms  bun               iomap_iter: ino 0x83, pos 0, length 0, flags WRITE|NOWAIT",
    "     1.435 ms  bun               balance_dirty_pages: bdi 254:0, limit 41592, setpoint 22630, dirty 3680  (3 times)",
    "    46.929 ms  bun               io_uring_queue_async_work: opcode WRITEV, flags 0xe0240400",
    "    48.721 ms  iou-wrk-114       xfs_file_buffered_write: ino 0x83, disize 0, pos 6,283,264, bytecount 8,388,616",
    "   345.849 ms  iou-wrk-114       io_uring_complete: result 8388616",
  ]);
});

test("of several repeated appends the one that the finding is in is shown; one that was copied whole is none", () => {
  const moved = (text: string, second: string) => text.replaceAll("pos 0x5fe000", second);
  const other = moved(TRACE, "pos 0x100000").replaceAll("31.", "21.");
  const both = parseTrace(other + TRACE);
  expect(kernelStory(both, 0x5fe000).sentence).toContain("appended all 8,388,616 bytes at 6,283,264");
  expect(kernelStory(both, 0x100000).sentence).toContain("appended all 8,388,616 bytes at 1,048,576");
  const whole = moved(TRACE, "pos 0x800008");
  expect(kernelStory(parseTrace(whole)).sentence).toBeUndefined();
});

test("a long trace keeps its beginning and its end", () => {
  const lines = Array.from(
    { length: 200 },
    (_, i) => `bun-1 [000] ..... ${i}.000000: event_${i}: pos 0x${i.toString(16)}`,
  );
  const shown = storyLines(parseTrace(lines.join("\n")));
  expect([shown.length, shown[0], shown[20], shown.at(-1)]).toEqual([
    61,
    expect.stringContaining("event_0: pos 0"),
    "(140 lines left out)",
    expect.stringContaining("event_199: pos 199"),
  ]);
});

test("calls of ours are among the events in the order of time; what is before and after those on the file is counted", () => {
  const write = (atSeconds: number, dev: string) =>
    `             bun-114     [000] .....    ${atSeconds.toFixed(6)}: block_bio_queue: ${dev} WS 2048 + 8 [bun]\n`;
  const deleted = (dev: string) =>
    `             bun-114     [000] .....    3.500000: mm_filemap_delete_from_page_cache: dev ${dev} ino 2 pfn=0x36ad ofs=0 order=0\n`;
  const events = parseTrace(
    write(1, "254,0") + write(3, "254,0") + deleted("0:40") + deleted("0:41") + write(9, "254,0"),
  );
  const steps = [
    { atSeconds: 2, line: "write(f, {8 bytes}, 8) = 8" },
    { atSeconds: 3.4, line: "munmap(&…, 4096) = 0" },
  ];
  expect(kernelStory(events, 0, { steps, fromSeconds: 2, toSeconds: 4 }).lines).toEqual([
    "     0.000 ms  > write(f, {8 bytes}, 8) = 8",
    "  1000.000 ms  bun               block_bio_queue: 254,0 WS 2048 + 8",
    "  1400.000 ms  > munmap(&…, 4096) = 0",
    "  1500.000 ms  bun               mm_filemap_delete_from_page_cache: dev 0:40, ino 2, ofs 0, order 0",
    "  1500.000 ms  bun               mm_filemap_delete_from_page_cache: dev 0:41, ino 2, ofs 0, order 0",
    "(events before and after these calls: 2, left out)",
  ]);
});

test("addresses and page frames are not part of a line", () => {
  const line =
    "             bun-7       [000] .....    1.000000: mm_vmscan_write_folio: page=0000000000f53b61 pfn=0x36ad flags=RECLAIM_WB_ANON|RECLAIM_WB_ASYNC\n";
  const probe = "             bun-7       [000] .....    1.001000: exfat_setattr: (exfat_setattr+0x0/0x280 [exfat])\n";
  expect(storyLines(parseTrace(line + probe))).toEqual([
    "     0.000 ms  bun               mm_vmscan_write_folio: flags RECLAIM_WB_ANON|RECLAIM_WB_ASYNC",
    "     1.000 ms  bun               exfat_setattr",
  ]);
});
