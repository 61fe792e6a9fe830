# Reads messages with Perl's own MIME::QuotedPrint, MIME::Base64 and Encode, for tests/test_wire.py.
#
# In and out: as in read.go.  Perl's core has no reader of multiparts, so they are cut at their boundaries here.
use strict;
use warnings;
use Encode qw(decode encode);
use MIME::Base64 qw(encode_base64 decode_base64);
use MIME::QuotedPrint qw(decode_qp);

my @texts      = qw(subject x-note);
my @structured = qw(date message-id list-unsubscribe list-unsubscribe-post feedback-id);

sub headers {
    my ($head) = @_;
    $head =~ s/\r\n(?=[ \t])//g;
    my (%found, $count);
    for my $line (split /\r\n/, $head) {
        my ($name, $value) = $line =~ /^([!-9;-~]+): ?(.*)$/s or die "not a header: $line";
        die "twice: $name" if exists $found{ lc $name };
        $found{ lc $name } = $value;
        $count++;
    }
    return (\%found, $count);
}

sub mailbox {
    my ($value) = @_;
    return ("", $value) unless $value =~ /^(.*?) ?<([^<>]*)>$/s;
    my ($name, $address) = ($1, $2);
    if ($name =~ /^"(.*)"$/s) { ($name = $1) =~ s/\\(.)/$1/g; return ($name, $address) }
    return (encode("UTF-8", decode("MIME-Header", $name)), $address);
}

sub bodies {
    my ($octets, $found) = @_;
    my ($head, $body) = split /\r\n\r\n/, $octets, 2;
    my ($header) = headers($head);
    my $type = $header->{"content-type"};
    if ($type =~ m{^multipart/\w+;.*boundary="([^"]+)"}) {
        my $boundary = $1;
        my @parts = split /(?:^|\r\n)--\Q$boundary\E(?:--)?\r\n/, $body;
        bodies($_, $found) for grep { length } @parts;
        return;
    }
    my ($kind) = split /;/, $type;
    my $encoding = $header->{"content-transfer-encoding"};
    die "two parts are $kind" if exists $found->{$kind};
    $found->{$kind} = $encoding eq "base64" ? decode_base64($body) : decode_qp($body);
}

binmode STDIN;
binmode STDOUT;
while (defined(my $length = <STDIN>)) {
    read(STDIN, my $octets, $length) == $length or die "too short";
    my ($head) = split /\r\n\r\n/, $octets, 2;
    my ($header, $count) = headers($head);
    my %found;
    bodies($octets, \%found);
    my @fields = map { mailbox($header->{$_} // "") } qw(from to reply-to);
    push @fields, map { encode("UTF-8", decode("MIME-Header", $header->{$_} // "")) } @texts;
    push @fields, map { $header->{$_} // "" } @structured;
    push @fields, map { $found{$_} // "" } qw(text/plain text/html image/png);
    print join(" ", map { encode_base64($_, "") } @fields, $count), "\n";
}
