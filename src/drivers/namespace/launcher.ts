/**
 * Starts one command in a guest: the program below is the same few system calls that every container runtime makes.
 *
 * It is Perl because a launcher must change its root directory, its capabilities and its user in one process, and no
 * chain of util-linux commands can: the last of them would have to be loaded from the guest, which may hold nothing but
 * one static binary. Perl can make system calls itself, belongs to every Debian and Ubuntu (`perl-base` is essential),
 * and costs one process where util-linux needs seven. Nothing but core Perl is used.
 *
 * The request comes on file descriptor 3 as length-prefixed strings (see launch.ts); a failure to start goes back the same
 * way as text. The parent half stays outside the guest, passes output on and ends with the command's status; the
 * child half is process 1 of the guest.
 *
 * Output crosses through real pipes because the descriptors that Node gives are sockets, and a guest could not open
 * those again as /dev/stdout.
 */
export const LAUNCHER = String.raw`
use strict;

open(my $control, '+<&=', 3) or exit 125;
fcntl($control, 2, 1);                                        # F_SETFD, FD_CLOEXEC
my ($call, $kept, $builder, $root, $hostname, $network, $uid, $gid, $groups, $workdir, $input, $binds, $masked, $frozen,
    $environment, @argv) = unpack('(N/a*)*', do { local $/; <$control> });
my %call = split ' ', $call;
my %kept = map { $_ => 1 } split ' ', $kept;

sub RDONLY() { 1 }  sub NOSUID() { 2 }  sub NODEV() { 4 }  sub NOEXEC() { 8 }  sub REMOUNT() { 32 }
sub BIND() { 4096 }  sub REC() { 16384 }  sub PRIVATE() { 1 << 18 }
sub SET_DEATH_SIGNAL() { 1 }  sub DROP_BOUNDING() { 24 }  sub AMBIENT() { 47 }  sub CLEAR_AMBIENT() { 4 }

sub fail { my $reason = $!; syswrite($control, "$_[0]: $reason"); exit 125 }
sub try { my ($name, @arguments) = @_; syscall($call{$name}, @arguments) != -1 }
sub must { my ($name, @arguments) = @_; my $result = syscall($call{$name}, @arguments); $result != -1 or fail($name); $result }
sub interrupted { $! == 4 }
sub list { unpack('(N/a*)*', $_[0]) }
sub mount { my ($source, $target, $type, $flags, $data) = @_;
    try('mount', $source, $target, $type, $flags, $data) or fail("mount $target") }
sub make { open(my $file, '>', $_[0]) or fail("make $_[0]") }
sub seal_off { my ($path, $flags) = @_;
    mount('', $path, '', REMOUNT | BIND | RDONLY | $flags, '') }

our $child;
$SIG{$_} = 'IGNORE' for qw(INT QUIT HUP PIPE);                # a terminal's Ctrl-C is for the builder, which sends TERM
$SIG{TERM} = sub { $child or exit 143; kill('TERM', $child); select(undef, undef, undef, 0.2); kill('KILL', $child) };
must('unshare', 0x20000000);                                  # the next child is process 1 of a new namespace
pipe(my $out, my $out_end) && pipe(my $err, my $err_end) or fail('pipe');
must('prctl', SET_DEATH_SIGNAL, 15, 0, 0, 0);
getppid() == $builder or exit 125;
$child = fork() // fail('fork');
$child ? watch() : enter();

# --- outside -----------------------------------------------------------------------------------------------------

sub watch {
    close $_ for $out_end, $err_end, $control;
    my %target = (fileno($out) => [$out, \*STDOUT], fileno($err) => [$err, \*STDERR]);
    while (%target) {
        my $wanted = '';
        vec($wanted, $_, 1) = 1 for keys %target;
        next if select(my $ready = $wanted, undef, undef, undef) < 1;
        for my $number (grep { vec($ready, $_, 1) } keys %target) {
            my ($from, $to) = @{$target{$number}};
            my $count = sysread($from, my $chunk, 65536);
            next if !defined $count && interrupted();
            delete $target{$number}, next if !$count;
            pass_on($to, $chunk);
        }
    }
    1 while waitpid($child, 0) == -1 && interrupted();
    exit($? & 127 ? 128 + ($? & 127) : $? >> 8);
}

sub pass_on {
    my ($to, $chunk) = @_;
    for (my $done = 0; $done < length $chunk; ) {
        my $count = syswrite($to, $chunk, length($chunk) - $done, $done);
        return if !defined $count && !interrupted();
        $done += $count // 0;
    }
}

# --- inside ------------------------------------------------------------------------------------------------------

sub enter {
    $SIG{$_} = 'DEFAULT' for qw(INT QUIT HUP PIPE TERM);
    must('prctl', SET_DEATH_SIGNAL, 9, 0, 0, 0);
    must('setsid');
    must('unshare', 0x0c020000 | ($network eq 'none' ? 0x40000000 : 0));
    must('sethostname', $hostname, length $hostname);
    raise_loopback() if $network eq 'none';
    umask 0;
    mount('', '/', '', REC | PRIVATE, '');
    mount('', $root, '', REMOUNT | BIND | NODEV, '');         # device nodes that a guest makes are only files
    furnish();
    chdir $root or fail("enter $root");
    must('pivot_root', '.', '.');
    must('umount2', '.', 2);
    chdir $workdir or fail("enter $workdir");
    connect_streams();
    umask 022;
    close_descriptors();
    drop_rights();
    %ENV = list($environment);
    exec { $argv[0] } @argv;
    my ($status, $reason) = $! == 2 ? (127, 'not found') : (126, $!);
    syswrite(STDERR, "$argv[0]: $reason\n");
    exit $status;
}

sub raise_loopback {
    socket(my $socket, 2, 2, 0) or fail('open a socket');
    my $interface = pack('a16 s x14', 'lo', 1);                # struct ifreq, IFF_UP
    ioctl($socket, 0x8914, $interface) or fail('raise lo');
}

sub furnish {
    my @still = list($frozen);
    mount('proc', "$root/proc", 'proc', NOSUID | NODEV | NOEXEC, '');
    mount('sysfs', "$root/sys", 'sysfs', RDONLY | NOSUID | NODEV | NOEXEC, '');
    furnish_devices("$root/dev");
    for my $path (grep { -e } map { "$root$_" } @still) {
        mount($path, $path, '', BIND | REC, '');
        seal_off($path, NOSUID | NODEV | NOEXEC);
    }
    for my $path (map { "$root$_" } list($masked)) {
        if (-d $path) { mount('tmpfs', $path, 'tmpfs', RDONLY | NOSUID | NODEV | NOEXEC, 'size=0') }
        elsif (-e _) { mount('/dev/null', $path, '', BIND, '') }
    }
    my %binds = list($binds);
    for my $target (keys %binds) {
        mount($binds{$target}, $target, '', BIND, '');
        seal_off($target, NOSUID | NODEV | NOEXEC);
    }
}

sub furnish_devices {
    my ($dev) = @_;
    mount('tmpfs', $dev, 'tmpfs', NOSUID | NODEV | NOEXEC, 'mode=755,size=65536k');
    for (grep { -e "/dev/$_" } qw(null zero full random urandom tty)) {
        make("$dev/$_");
        mount("/dev/$_", "$dev/$_", '', BIND, '');
    }
    mkdir "$dev/$_", 0755 for qw(pts shm mqueue);
    mount('devpts', "$dev/pts", 'devpts', NOSUID | NOEXEC, 'newinstance,ptmxmode=0666,mode=0620,gid=5');
    mount('shm', "$dev/shm", 'tmpfs', NOSUID | NODEV | NOEXEC, 'mode=1777,size=65536k');
    try('mount', 'mqueue', "$dev/mqueue", 'mqueue', NOSUID | NODEV | NOEXEC, '');
    my %link = (ptmx => 'pts/ptmx', fd => '/proc/self/fd', stdin => '/proc/self/fd/0', stdout => '/proc/self/fd/1',
        stderr => '/proc/self/fd/2');
    symlink($link{$_}, "$dev/$_") || fail("link $dev/$_") for keys %link;
}

# Standard input is a file without a name, so that a guest can open it again as /dev/stdin.
sub connect_streams {
    if ($input eq '') { open(STDIN, '<', '/dev/null') or fail('open /dev/null') }
    else {
        open(my $file, '+<&=', must('memfd_create', 'stdin', 1)) or fail('open standard input');
        pass_on($file, substr($input, 1));
        sysseek($file, 0, 0);
        open(STDIN, '<&', $file) or fail('open standard input');
    }
    chown $uid, -1, $out_end, $err_end;
    open(STDOUT, '>&', $out_end) && open(STDERR, '>&', $err_end) or fail('open standard output');
}

# Whatever the builder had open must not reach the guest.
sub close_descriptors {
    opendir(my $folder, '/proc/self/fd') or fail('open /proc/self/fd');
    for (grep { /^[0-9]+$/ && $_ > 2 } readdir $folder) { try('fcntl', $_ + 0, 2, 1) }
}

sub drop_rights {
    my $is_root = $uid == 0;
    try('keyctl', 1, 0);                                      # a session keyring of its own
    for my $capability (0 .. 63) { try('prctl', DROP_BOUNDING, $capability, 0, 0, 0) if !$kept{$capability} }
    try('prctl', AMBIENT, CLEAR_AMBIENT, 0, 0, 0);
    my @groups = split ' ', $groups;
    must('setgroups', scalar @groups, pack('L*', @groups));
    must('setresgid', ($gid + 0) x 3);
    must('setresuid', ($uid + 0) x 3);
    my ($header, $sets) = (pack('L l', 0x20080522, 0), "\0" x 24);
    syscall($call{capget}, $header, $sets) == 0 or fail('capget');
    my $permitted = $is_root ? (unpack('L6', $sets))[1] : 0;
    my $mask = 0;
    $mask |= 1 << $_ for keys %kept;
    $mask &= $permitted;
    must('capset', $header, pack('L6', $mask, $mask, 0, 0, 0, 0));
    must('prctl', SET_DEATH_SIGNAL, 9, 0, 0, 0);              # again: a change of user clears it
}
`;
