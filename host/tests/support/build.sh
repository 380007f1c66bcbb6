#!/bin/sh
# The builder of the tests: what `cargo xtask build --message-format json` prints, and an artifact that is the
# candidate with a few bytes more. How it goes stands in the file "build" beside this script.
here=$(dirname "$0")
candidate=$(cat "$here/candidate")
echo "$*" >>"$here/built"

finish() {
    echo "{\"reason\":\"finished\",\"success\":true,\"executable\":\"$1\",\"fresh\":false}"
    exit 0
}
make() {
    cp "$candidate" "$here/next.$$"
    printf 'build %s' "$(wc -l <"$here/built")" >>"$here/next.$$"
    mv "$here/next.$$" "$here/next"
    echo '{"reason":"progress","done":1,"total":1,"crate":"candidate"}'
    finish "$here/next"
}

case "$(cat "$here/build")" in
well) make ;;
# Waits until the test opens the gate.
gate) read -r _ <"$here/gate" && make ;;
again) finish "$here/next" ;;
same) finish "$candidate" ;;
"compile error")
    printf '%s\n' '{"reason":"diagnostic","level":"error","rendered":"error: expected `;`\n --> metrics-disk/src/lib.rs:12:5\n","file":"metrics-disk/src/lib.rs","line":12}'
    echo '{"reason":"finished","success":false,"error":"cargo build failed"}'
    exit 1
    ;;
"link error")
    echo "ld: undefined symbol: relink_nowhere" >&2
    echo '{"reason":"finished","success":false,"error":"linking failed"}'
    exit 1
    ;;
killed) kill -s KILL $$ ;;
silent) exit 0 ;;
hang)
    sleep 1000 &
    echo $! >"$here/grandchild.new" && mv "$here/grandchild.new" "$here/grandchild"
    wait
    ;;
nowhere) finish "$here/no-such-file" ;;
script) finish "$0" ;;
truncated)
    head -c 5000 "$candidate" >"$here/next" && chmod 755 "$here/next"
    finish "$here/next"
    ;;
"for another machine")
    # An ELF header says at byte 18 for which machine it is; 0xf3 is RISC-V.
    cp "$candidate" "$here/next" && printf '\363\000' | dd of="$here/next" bs=1 seek=18 conv=notrunc 2>/dev/null
    finish "$here/next"
    ;;
"another program") finish "/bin/true" ;;
esac
