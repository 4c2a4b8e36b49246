# An ESME of Net::SMPP: see operations.py.  Its argument is a job in JSON.
# Asynchronous once it is bound: a synchronous request drops what comes before its response.
use strict;
use IO::Select;
use JSON::PP;
use Net::SMPP;

my $job = decode_json($ARGV[0]);
my %said = (answers => [], receipts => [], called => []);
my (%ids, %answered);
my @login = (system_id => $job->{system_id}, password => $job->{password});
my $select = IO::Select->new;

sub meant { $_[0] =~ /^@(.+)/ ? $ids{$1} : $_[0] }

sub state_of { defined $_[0] ? unpack('C', $_[0]) : undef }

sub id_of { my $id = $_[0] // ''; $id =~ s/\0$//; $id }

sub take {
    my ($smpp) = @_;
    my $pdu = $smpp->read_pdu() or die 'the connection is lost';
    my $name = Net::SMPP::pdu_tab->{$pdu->{cmd}}{cmd};
    if ($name eq 'deliver_sm' or $name eq 'data_sm') {
        my $resp = "${name}_resp";
        $smpp->$resp(seq => $pdu->{seq}, message_id => '');
        push @{$said{receipts}}, { by => $name, esm_class => $pdu->{esm_class},
            id => id_of($pdu->{receipted_message_id}), state => state_of($pdu->{message_state}) };
    } elsif ($name eq 'outbind') {
        my $seq = $smpp->bind_receiver(@login, async => 1);
        my $resp = answer_to($smpp, $seq);
        push @{$said{called}}, { system_id => $pdu->{system_id}, password => $pdu->{password},
            status => $resp->{status} };
    } else {
        $answered{$pdu->{seq}} = $pdu;
    }
}

sub take_any {
    for my $ready ($select->can_read) {
        if ($job->{listen} and $ready == $job->{listener}) {
            $select->add(scalar $ready->accept);
        } else {
            take($ready);
        }
    }
}

sub answer_to {
    my ($smpp, $seq) = @_;
    take($smpp) until $answered{$seq};
    return delete $answered{$seq};
}

sub step {
    my ($smpp, $step) = @_;
    my ($command, $fields) = @$step{'command', 'fields'};
    if ($command eq 'until') {
        for my $id (map { meant($_) } @{$fields->{ids}}) {
            take_any() until grep { $_->{id} eq $id } @{$said{receipts}};
        }
        return;
    }
    my %fields = map { $_ => meant($fields->{$_}) } keys %$fields;
    my $pdu = answer_to($smpp, $smpp->$command(async => 1, %fields));
    push @{$said{answers}}, { map { $_ => $pdu->{$_} }
        qw(status message_id message_state final_date) };
    $ids{$step->{name}} = $pdu->{message_id};
}

if ($job->{listen}) {
    $job->{listener} = Net::SMPP->new_listen('127.0.0.1', port => $job->{listen});
    $select->add($job->{listener});
}
my $new = "new_$job->{kind}";
my ($smpp) = Net::SMPP->$new('127.0.0.1', port => $job->{port}, @login, async => 0);
$select->add($smpp);
step($smpp, $_) for @{$job->{steps}};
for my $each ($select->handles) {
    next if $job->{listen} and $each == $job->{listener};
    answer_to($each, $each->unbind(async => 1));
}
print encode_json(\%said), "\n";
