"""Which sample comes next: long-tail classes, balanced intervals, patches by information capacity."""
