<?php
return array (
  'language' => 'en',
  'old_entries' => 3,
  'queries' => 
  array (
    0 => 
    array (
      'get' => 'a',
      'name' => 'Gas &amp; Siberia',
      'search' => 'pubdate:P2W intitle:/power of siberia( [12])?/i !(author:ivanov OR #&quot;Press releases&quot;) pipeline',
      'state' => 2,
      'token' => 'hush',
    ),
    1 => 
    array (
      'get' => 'c_3',
      'name' => 'One folder',
      'search' => 'gas',
    ),
    2 => 
    array (
      'name' => 'Starred',
      'search' => 'gas',
      'state' => 4,
    ),
    3 => 
    array (
      'name' => 'Look back',
      'search' => 'intitle:/(a)\\1/',
    ),
  ),
  'filters' => 
  array (
    0 => 
    array (
      'search' => 'intitle:sponsored',
      'actions' => 
      array (
        0 => 'read',
      ),
    ),
    1 => 
    array (
      'search' => 'gas',
      'actions' => array (0 => 'star'),
    ),
  ),
  'html5_notif_timeout' => 0,
  'onread_jump_next' => true,
);
