CREATE ROLE IF NOT EXISTS `pr_rders-writer_17e45cb1348aef8c`; -- DataRole/data/orders-writer (policy.yaml:21)
GRANT `pr_rders-writer_17e45cb1348aef8c` TO 'postern_owner'@'localhost' WITH ADMIN OPTION; -- DataRole/data/orders-writer (policy.yaml:21)
GRANT INSERT, SELECT, UPDATE ON `shop`.`orders` TO `pr_rders-writer_17e45cb1348aef8c`; -- DataRole/data/orders-writer (policy.yaml:24)
